// homeport by hand, command for command as the README has it: a lab, its roles, a download that is handed over while
// it runs. And what cannot be, one after the other beside it: one clear line, exit status 1, the download goes on.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SNAPSHOT_VERSION } from '../../stack/tcp/snapshot.ts';
import { writeSeededFile } from '../../tools/seeded-file.ts';
import { homeportScript } from '../../tools/self.ts';
import { Homeport, type Running } from './homeport.ts';
import { eventually, requireOrSkip } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'homeport-by-hand-'));
const FILES = join(directory, 'files');
const STATE = join(directory, 'home-agent.state');
const TIMEOUT_MS = 30_000;
/** Half a minute and more of the lab's link: the commands beside the download take their time on a busy machine. */
const SIZE = 64 * 1024 * 1024;
const CLIENT = '2001:db8:c::1';
const URL = 'http://[2001:db8:100::1]/big';

const homeport = new Homeport(directory);
const run = (...args: readonly string[]) => homeport.run(...args);
const inSite = (site: string, ...args: readonly string[]) => homeport.start('lab', 'exec', site, '--', ...args);
const role = (site: string, ...args: readonly string[]) => inSite(site, 'homeport', ...args);
const handoff = (...more: readonly string[]) => run('handoff', '--client', CLIENT, '--to', 'b', ...more);
const says = (running: Running, text: string) =>
  eventually(`'${text}' is said`, () => (running.written.stdout + running.written.stderr).includes(text), 10_000);

/** What a command that cannot be leaves: status 1 and its one line. */
async function refused(running: Running | Promise<{ status: number | undefined; stdout: string; stderr: string }>) {
  const { status, stdout, stderr } = await ('ended' in running ? running.ended : running);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^homeport: [^\n]+\n$/);
  return stderr.slice('homeport: '.length, -1);
}

/** The command as another version of homeport would be: one constant of the build is another. */
function otherVersion(name: string, file: string, before: string, after: string): string {
  const root = join(directory, name);
  const repository = join(dirname(homeportScript()), '..', '..');
  mkdirSync(join(root, 'tun'), { recursive: true });
  for (const path of ['node_modules', join('tun', 'build')]) symlinkSync(join(repository, path), join(root, path));
  for (const path of ['dist', 'package.json']) cpSync(join(repository, path), join(root, path), { recursive: true });
  const path = join(root, 'dist', file);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(before);
  writeFileSync(path, text.replace(before, after));
  return join(root, 'dist', 'tools', 'homeport.js');
}

describe.skipIf(!requireOrSkip('tun'))('by hand', () => {
  let sha256 = '';
  let a: Running;

  beforeAll(async () => {
    mkdirSync(FILES);
    sha256 = await writeSeededFile(join(FILES, 'big'), SIZE, 3);
    const up = await run('lab', 'up', '--detach', '--rate', 'c-a=15mbit');
    expect(up.stderr).toBe('');
  }, TIMEOUT_MS);

  afterAll(async () => {
    await run('lab', 'down');
    rmSync(directory, { recursive: true });
  }, TIMEOUT_MS);

  test('a server whose home agent is silent says so and tries on', { timeout: TIMEOUT_MS }, async () => {
    a = role('a', 'server', '--serve', FILES);
    await says(
      a,
      'homeport: no answer from the home agent 2001:db8:1::1: is it running, and does it know a by this key?',
    );
    const homeAgent = role('home', 'home-agent', '--state', STATE);
    await says(homeAgent, 'a is registered at 2001:db8:a::1');
    await says(a, 'Server node a (2001:db8:a::1) serves http://[2001:db8:100::1]:80/.');
    homeAgent.child.kill('SIGTERM');
    await homeAgent.ended;
  });

  test('a home agent that starts again knows who was registered', { timeout: TIMEOUT_MS }, async () => {
    const unsafe = role('home', 'home-agent', '--security', 'none');
    await says(unsafe, 'homeport: UNSAFE: registrations are not protected (--security none)');
    unsafe.child.kill('SIGTERM');
    await unsafe.ended;
    const homeAgent = role('home', 'home-agent', '--state', STATE);
    await says(homeAgent, `Registrations taken up from ${STATE}: 1`);
  });

  /** Starts a node in b, and waits until a has met it. */
  async function connected(begin: () => Running): Promise<Running> {
    const meetings = () => a.written.stdout.split('Connected to node b.').length;
    const before = meetings();
    const node = begin();
    await eventually('a and b are connected', () => meetings() > before, 10_000);
    return node;
  }

  test('a download goes on through handoffs that fail, and is handed over by one that does not', {
    timeout: 3 * TIMEOUT_MS,
  }, async () => {
    const output = join(directory, 'received');
    const client = role('c', 'client', 'get', URL, '--output', output, '--json');
    await says(client, '"source":"2001:db8:a::1"');
    expect(await refused(run('handoff', '--client', CLIENT, '--to', 'x'))).toBe(
      "unknown node 'x': the members this node knows are b",
    );
    expect(await refused(handoff())).toBe("node 'b' is not connected");

    const messages = ['stack/handoff/messages.js', 'MESSAGE_VERSION = 1', 'MESSAGE_VERSION = 2'] as const;
    const b2 = inSite('b', process.execPath, otherVersion('v2', ...messages), 'server', '--serve', FILES);
    await says(a, 'control message version 2, this node speaks version 1');
    expect(await refused(handoff())).toBe(
      "what node 'b' says is not understood: control message version 2, this node speaks version 1",
    );
    b2.child.kill('SIGTERM');
    await b2.ended;

    const next = SNAPSHOT_VERSION + 1;
    const snapshots = [
      'stack/tcp/snapshot-form.js',
      `SNAPSHOT_VERSION = ${SNAPSHOT_VERSION}`,
      `SNAPSHOT_VERSION = ${next}`,
    ] as const;
    const b3 = await connected(() =>
      inSite('b', process.execPath, otherVersion('v3', ...snapshots), 'server', '--serve', FILES),
    );
    expect(await refused(handoff())).toBe(
      `the handoff to b failed, the client stays with a: snapshot version ${SNAPSHOT_VERSION}, this node speaks ${next}`,
    );
    b3.child.kill('SIGTERM');
    await b3.ended;
    await says(a, 'Node b is gone.');

    const b = await connected(() => role('b', 'server', '--serve', FILES));
    await says(b, 'serves');
    const done = await handoff();
    expect(done.stdout).toMatch(/^2001:db8:c::1 is now served by b \(fast, [\d.]+ ms\)\.\n$/);
    const { status, stdout } = await client.ended;
    expect(status).toBe(0);
    const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect(result).toMatchObject({ event: 'done', bytes: SIZE, sha256, handoffs: [{ from: '2001:db8:a::1' }] });
    expect(stdout).toContain('{"event":"handoff-seen","from":"2001:db8:a::1","to":"2001:db8:b::1"');
  });

  test('what cannot be, in a site', { timeout: TIMEOUT_MS }, async () => {
    const get = (url: string, ...more: readonly string[]) => role('c', 'client', 'get', url, ...more);
    const lines = async (...running: readonly Running[]) => {
      const found: string[] = [];
      for (const one of running) found.push(await refused(one));
      return found;
    };
    expect(
      await lines(
        get('http://[2001:db8:100::1]/none', '--output', join(directory, 'none')),
        role('a', 'server', '--serve', FILES),
        role('b', 'server', '--serve', join(directory, 'none')),
        role('b', 'server', '--serve', FILES, '--name', 'a'),
        role('b', 'server', '--serve', FILES, '--name', 'x'),
        role('b', 'server', '--serve', FILES, '--pcap', '/nowhere/x'),
      ),
    ).toEqual([
      'http://[2001:db8:100::1]/none: the server answers 404 Not Found',
      'cannot open TUN interface hp0: another process has it open: choose another name or end that process',
      `${join(directory, 'none')}: no such file or directory`,
      "2001:db8:a::1 is not routed to hp0 here: a wrong address, or 'ip route add 2001:db8:a::1/128 dev hp0' is missing",
      "/run/homeport/group.json: no member 'x' (members: a, b)",
      '/nowhere/x: cannot be written (no directory /nowhere, or no permission)',
    ]);
    expect(await lines(get('http://[2001:db8:77::1]/x'))).toEqual([
      'http://[2001:db8:77::1]/x: no route to the host (connect EHOSTUNREACH 2001:db8:77::1:80)',
    ]);
    expect(await lines(get('http://[2001:db8:100::1]:81/x'))).toEqual([
      'http://[2001:db8:100::1]:81/x: connection refused (connect ECONNREFUSED 2001:db8:100::1:81)',
    ]);
    const stranger = ['handoff', '--client', '2001:db8:c::2', '--to', 'b'];
    expect(await refused(run(...stranger))).toBe('no node here has the client 2001:db8:c::2');
    expect(await refused(run(...stranger, '--from', 'a'))).toBe('no client 2001:db8:c::2 here');
  });
});

describe.skipIf(!requireOrSkip('tun'))('without /dev/net/tun', () => {
  test.each([[['demo']], [['lab', 'up']], [['client', 'get', URL, '--address', CLIENT]]])(
    '%j: says what is missing',
    async (args) => {
      const script = 'mount -t tmpfs tmpfs /dev/net && exec "$@"';
      const command = ['--mount', 'sh', '-c', script, 'sh', process.execPath, homeportScript(), ...args];
      expect(await refused(new Homeport(tmpdir()).startProgram('unshare', ...command))).toBe(
        "/dev/net/tun is missing: load the module ('modprobe tun') or give the container the device (--device /dev/net/tun)",
      );
    },
  );
});
