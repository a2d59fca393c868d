// The lab as a user has it: `homeport lab up --detach`, `lab exec`, `lab down`, in real namespaces, with packets
// of the Linux kernel through the router's process.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPcapng } from '../../stack/wire/pcapng.ts';
import { homeportScript, startTime } from '../../tools/self.ts';
import { Homeport } from './homeport.ts';
import { eventually, requireOrSkip } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'homeport-lab-'));
const PCAP = join(directory, 'lab.pcapng');
const TIMEOUT_MS = 20_000;

const command = new Homeport(directory);
const homeport = (...args: readonly string[]) => command.run(...args);
const inSite = (site: string, ...command: readonly string[]) => homeport('lab', 'exec', site, '--', ...command);

/** Round trips in milliseconds that ping reports. */
const roundTrips = (stdout: string): number[] => [...stdout.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms));

describe.skipIf(!requireOrSkip('tun', 'ping'))('the lab', () => {
  let pid = 0;

  beforeAll(async () => {
    const up = await homeport(
      'lab',
      'up',
      '--detach',
      '--json',
      '--delay',
      'c-a=30ms',
      '--delay',
      'a:b=3ms',
      '--pcap',
      PCAP,
    );
    expect(up.stderr).toBe('');
    pid = JSON.parse(up.stdout).pid;
  }, TIMEOUT_MS);

  afterAll(async () => {
    await homeport('lab', 'down');
    rmSync(directory, { recursive: true });
  }, TIMEOUT_MS);

  test('a ping between two sites takes the delays of both ways', async () => {
    const ping = async (from: string, to: string) =>
      roundTrips((await inSite(from, 'ping', '-c', '3', '-i', '0.05', to)).stdout);
    const [ca, ab] = await Promise.all([ping('c', '2001:db8:a::fe'), ping('a', '2001:db8:b::fe')]);
    for (const [times, ms] of [
      [ca, 60],
      [ab, 13],
    ] as const) {
      expect(times).toHaveLength(3);
      expect(Math.min(...times)).toBeGreaterThanOrEqual(ms);
      expect(Math.min(...times)).toBeLessThan(ms + 8); // the machine's own time; the first packet is not held against it
    }
  });

  test('the Internet answers what it cannot deliver', async () => {
    const unroutable = await inSite('c', 'ping', '-c', '1', '-W', '2', '2001:db8:77::1');
    expect(unroutable.stdout).toContain('From 2001:db8::1 icmp_seq=1 Destination unreachable: No route');
    const expired = await inSite('c', 'ping', '-c', '1', '-W', '2', '-t', '1', '2001:db8:a::fe');
    expect(expired.stdout).toContain('From 2001:db8::1 icmp_seq=1 Time exceeded: Hop limit');
  });

  test('a command has the directory it was started from and gives its exit status to `lab exec`', async () => {
    const { status, stdout } = await inSite('b', 'sh', '-c', 'pwd; ip -brief address show dev wan0; exit 3');
    expect(status).toBe(3);
    expect(stdout).toContain(process.cwd());
    expect(stdout).toContain('2001:db8:b::fe/128');
  });

  test('a Ctrl-C is the matter of the command: it may take its time, and its exit status is still told', async () => {
    const script = 'trap "sleep 0.2; echo caught; exit 5" INT; echo ready; while :; do sleep 0.05; done';
    const args = ['lab', 'exec', 'b', '--', 'sh', '-c', script];
    const { child, written, ended } = command.startProgram('setsid', process.execPath, homeportScript(), ...args);
    await eventually('the command runs', () => written.stdout === 'ready\n');
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT'); // all processes of a terminal get it
    expect(await ended).toEqual({ status: 5, stdout: 'ready\ncaught\n', stderr: '' });
  });

  test('a command that a signal ends gives 128 and the number of the signal, also when it came to `lab exec`', async () => {
    expect(await inSite('b', 'sh', '-c', 'kill -9 $$')).toMatchObject({ status: 137 });
    const { child, written, ended } = command.start('lab', 'exec', 'b', '--', 'sh', '-c', 'echo ready; exec sleep 60');
    await eventually('the command runs', () => written.stdout === 'ready\n');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ status: 143 });
  });

  test('a role in a site finds its device, one outside the lab does not', async () => {
    const get = ['client', 'get', 'http://[2001:db8:100::1]/x', '--address', '2001:db8:c::1'];
    const outside = await homeport(...get);
    expect(outside.stderr).toMatch(/^homeport: no device 'hp0' here: [^\n]+\n$/);
    expect(outside.status).toBe(1);
  });

  test('a second lab is refused, with a word on how to end the first', async () => {
    const { status, stderr } = await homeport('lab', 'up', '--detach');
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `homeport: a lab is running already (PID ${pid}): end it with 'homeport lab down'\n`,
    });
  });

  test('down ends the lab and leaves a capture of clean traffic: each packet where it came, or was lost', async () => {
    expect(await homeport('lab', 'down')).toMatchObject({ status: 0, stderr: '' });
    expect(startTime(pid)).toBeUndefined();
    const blocks = [...readPcapng(readFileSync(PCAP))];
    expect(blocks.filter((b) => b.kind === 'interface').map((b) => b.name)).toEqual(['home', 'a', 'b', 'c']);
    const packets = blocks.filter((b) => b.kind === 'packet');
    // Three echoes each way for two pairs; two that the router itself answered.
    expect(packets).toHaveLength(3 * 2 * 2 + 2 * 2);
    const comments = packets.flatMap(({ comment }) => comment ?? []);
    expect(comments.sort()).toEqual(['hop limit exceeded', 'no route']);
    expect(packets.every((p) => p.bytes[6] === 58)).toBe(true);
  });

  test('without a lab, exec and down say how to start one', async () => {
    for (const args of [
      ['lab', 'down'],
      ['lab', 'exec', 'a', '--', 'true'],
    ]) {
      const { status, stderr } = await homeport(...args);
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: "homeport: no lab is running: start one with 'homeport lab up'\n",
      });
    }
  });
});

describe.skipIf(!requireOrSkip('tun'))('a lab in the foreground', () => {
  test('ends with the process that holds it, whatever ended that', async () => {
    const own = mkdtempSync(join(tmpdir(), 'homeport-lab-'));
    const { child, written } = new Homeport(own).start('lab', 'up', '--json');
    await eventually('the lab is up', () => written.stdout.includes('\n'));
    const { pid } = JSON.parse(written.stdout);
    const started = startTime(pid);
    expect(started).toBeTypeOf('number');
    child.kill('SIGKILL');
    await expect.poll(() => startTime(pid), { timeout: 5_000, interval: 5 }).toBeUndefined();
    rmSync(own, { recursive: true });
  });
});
