// A peer that is neither the kernel nor ours: lwIP (Debian's liblwip-dev), a small stack as it is in devices: no SACK,
// no timestamps, a window of 64 KiB. It lies behind the far end of the lab's path (lwip-peer.c), in both roles.

import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import { ready, sysctlIn } from '../../tools/bench/namespace.ts';
import { type WanScene, wanScene } from '../../tools/bench/scene.ts';
import { type Outcome, play, type Step } from './interop-plays.ts';
import { Netns, requireOrSkip } from './support.ts';

const KIB = 1024;
const TIMEOUT_MS = 60_000;
const DEVICE = 'lwip0';
const ADDRESS = '2001:db8:c::1';
const ECHO_PORT = 7;
const DONE = { ended: true, error: null } as const;

describe.skipIf(!requireOrSkip('tun', 'lwip')).each([
  ['a good path', {}, 1024 * KIB],
  [
    'a path that loses, reorders, duplicates and corrupts 2 %',
    { loss: 0.02, reordering: 0.02, duplication: 0.02 },
    192 * KIB,
  ],
] as const)('lwIP at the end of %s', (_name, faults, octets) => {
  const folder = mkdtempSync(join(tmpdir(), 'homeport-lwip-'));
  const program = join(folder, 'lwip-peer');
  let near: Netns;
  let far: Netns;
  let scene: WanScene;

  beforeAll(() => {
    const source = join(import.meta.dirname, 'lwip-peer.c');
    const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-I/usr/include/lwip'];
    execFileSync('cc', [...flags, '-o', program, source, '-llwip', '-lpthread'], { stdio: 'pipe' });
    near = new Netns();
    far = new Netns();
    scene = wanScene(near.name, far.name, { path: { delay: milliseconds(2), rate: 100e6 }, seed: 9 });
    const corruption = 'loss' in faults ? faults.loss : 0;
    for (const link of Object.values(scene.links)) link.configure({ ...faults, corruption });
    sysctlIn(far.name, { 'ipv6/conf/all/forwarding': 1 });
  });
  afterAll(() => {
    scene?.close();
    near?.close();
    far?.close();
    rmSync(folder, { recursive: true });
  });

  /** Its device goes with it. */
  async function peer(...args: readonly string[]): Promise<ChildProcess> {
    const child = far.spawn(program, [DEVICE, ADDRESS, ...args]);
    await ready(child);
    far.ip('link', 'set', DEVICE, 'up', 'txqueuelen', '10000');
    far.ip('route', 'replace', `${ADDRESS}/128`, 'dev', DEVICE);
    return child;
  }

  async function gone(child: ChildProcess): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }
  }

  test.each([1, 20])(
    'our stack opens %i at once: data both ways, each echoed',
    async (count) => {
      const child = await peer('echo', String(ECHO_PORT));
      const steps: Step[] = [['write', Math.ceil(octets / count), 1], ['end'], ['receive-end']];
      const open = (i: number): Promise<Outcome> => {
        const where = { address: ADDRESS, port: ECHO_PORT, allowHalfOpen: true, noDelay: true };
        return play(scene.stack.host.connect(where), steps, i);
      };
      const outcomes = await Promise.all(Array.from({ length: count }, (_, i) => open(i)));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ ...DONE, received: outcome.sent });
      await gone(child);
    },
    TIMEOUT_MS,
  );

  test.each([1, 20])(
    'lwIP opens %i at once: data both ways, each echoed',
    async (count) => {
      const plays: Promise<Outcome>[] = [];
      const listen = { address: scene.stackAddress, port: ECHO_PORT, allowHalfOpen: true, noDelay: true };
      const server = scene.stack.host.listen(listen, (socket) => void plays.push(play(socket, [['echo']])));
      await once(server, 'listening');
      const each = String(Math.ceil(octets / count));
      const child = await peer('ask', scene.stackAddress.toString(), String(ECHO_PORT), String(count), each);
      child.stdin?.write('\n');
      const said = child.stdout === null ? '' : String((await once(child.stdout, 'data'))[0]);
      expect(said).toBe('same\n');
      const outcomes = await Promise.all(plays);
      expect(outcomes).toHaveLength(count);
      for (const outcome of outcomes) expect(outcome).toMatchObject({ ...DONE, received: outcome.sent });
      server.close();
      await gone(child);
    },
    TIMEOUT_MS,
  );
});
