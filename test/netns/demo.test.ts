// The demo at a small size, in real namespaces, as a user runs it; and what tshark says of its captures: no
// malformed packet, no bad checksum, one TCP stream from SYN to FIN over both handoffs, the Mobility Header
// messages of DESIGN.md section 7 in their order.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { homeportScript } from '../../tools/self.ts';
import { requireOrSkip } from './support.ts';

const out = mkdtempSync(join(tmpdir(), 'homeport-demo-'));
const TIMEOUT_MS = 60_000;
const FLAGS = ['--size', '12MiB', '--rate', 'c-a=30mbit', '--rate', 'c-b=30mbit'];

interface Result {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly expectedSha256: string;
  readonly receivedSha256: string;
  readonly handoffs: readonly { readonly preset: string; readonly handoffMs: number; readonly formulaMs: number }[];
  readonly wire: { readonly resets: number; readonly syns: number };
}

function demo(...flags: readonly string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [homeportScript(), 'demo', '--out', out, ...flags], { timeout: TIMEOUT_MS });
  const written = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    written.stderr += text;
  });
  return new Promise((resolve) => {
    child.once('close', (status) => resolve({ status, ...written }));
  });
}

/** One line a packet that the filter lets through, with these fields. */
function tshark(capture: string, filter: string, ...fields: readonly string[]): string[] {
  const wanted = fields.flatMap((field) => ['-e', field]);
  const check = ['-o', 'tcp.check_checksum:TRUE'];
  const args = ['-r', join(out, `${capture}.pcapng`), ...check, '-Y', filter, '-T', 'fields', ...wanted];
  const text = execFileSync('tshark', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 28,
  });
  return text.split('\n').filter((line) => line !== '');
}

describe.skipIf(!requireOrSkip('tun', 'tshark'))('the demo', () => {
  let result: Result;

  beforeAll(async () => {
    const { status, stdout, stderr } = await demo('--json', ...FLAGS);
    const last = stdout.trim().split('\n').at(-1) ?? '';
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    result = JSON.parse(last);
  }, TIMEOUT_MS);

  afterAll(() => rmSync(out, { recursive: true }));

  test('the file arrives whole over two handoffs, without RST and with one SYN', () => {
    expect(result).toMatchObject({ ok: true, problems: [], wire: { resets: 0, syns: 1 } });
    expect(result.receivedSha256).toBe(result.expectedSha256);
    expect(result.handoffs.map((h) => h.preset)).toEqual(['prefetched', 'fast']);
  });

  test('it leaves the picture and a capture of every node', () => {
    const files = ['timeline.svg', ...['lab', 'client', 'home', 'a', 'b'].map((name) => `${name}.pcapng`)];
    expect(files.filter((file) => !existsSync(join(out, file)))).toEqual([]);
  });

  test.each(['lab', 'client', 'home', 'a', 'b'])('tshark: no malformed packet, no bad checksum in %s', (capture) => {
    const bad = '_ws.malformed || tcp.checksum.status == 0 || icmpv6.checksum.status == 0'; // 0: bad, 1: good
    expect(tshark(capture, bad, 'frame.number')).toEqual([]);
    expect(tshark(capture, 'tcp.checksum.status == 1', 'frame.number')).not.toEqual([]);
  });

  test('tshark: one TCP stream at the client, from SYN to FIN', () => {
    expect(new Set(tshark('client', 'tcp', 'tcp.stream'))).toEqual(new Set(['0']));
    expect(tshark('client', 'tcp.flags.syn == 1', 'ipv6.dst')).toHaveLength(2);
    expect(new Set(tshark('client', 'tcp.flags.fin == 1', 'tcp.srcport')).size).toBe(2);
    expect(tshark('client', 'tcp.flags.reset == 1', 'frame.number')).toEqual([]);
  });

  test('RFC 6275 5.2, DESIGN.md 7: tests before the first update, then a care-of test and an update each handoff', () => {
    const types = tshark('client', 'mipv6', 'mip6.mhtype');
    // HoTI 1, CoTI 2, HoT 3, CoT 4, BU 5, BA 6; the two tests of the start run side by side. A BU that waits for its BA
    // longer than two round trips, as on a machine with other things to do, is sent again (11.8).
    expect(types.slice(0, 4).sort()).toEqual(['1', '2', '3', '4']);
    expect(types.slice(4).join('')).toMatch(/^5[56]*6245[56]*6245[56]*6$/);
  });
});

describe.skipIf(!requireOrSkip('tun'))('a demo that cannot be', () => {
  test.each([
    ['a file that is not there', ['--file', '/nowhere/x'], 'homeport: /nowhere/x: no such file or directory\n'],
    [
      'an unknown preset',
      ['--preset', 'fast,warp'],
      /^homeport: option '--preset <presets>' argument 'fast,warp' is invalid\. [^\n]+\n$/,
    ],
  ])('%s: one line, exit status 1', async (_name, flags, line) => {
    const { status, stderr } = await demo(...flags);
    expect(status).toBe(1);
    if (typeof line === 'string') expect(stderr).toBe(line);
    else expect(stderr).toMatch(line);
  });
});
