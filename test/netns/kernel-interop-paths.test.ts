// Interoperation with the Linux kernel over paths, each case in both roles and with data both ways: loss, reordering,
// duplication and corruption together; kernels without SACK, timestamps or window scaling and with other odd settings;
// each congestion control that the kernel has; small, huge and shrinking MTUs.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import { NODE_DEVICE, WAN_DEVICE } from '../../tools/lab/topology.ts';
import { removeCompiledPeer } from './interop-kernel.ts';
import type { Outcome, Step } from './interop-plays.ts';
import { Interop, OPENERS, type Opener, type Pair } from './interop-scene.ts';
import { eventually, requireOrSkip } from './support.ts';

const MIB = 1024 * 1024;
const TIMEOUT_MS = 30_000;
const PATIENCE_MS = 5_000;
const IPV6_AND_TCP = 60;
/** From where the kernel that forwards in front of our stack sends its ICMPv6 errors. */
const NEAR_KERNEL = '2001:db8:a::fe';
const DONE = { ended: true, error: null } as const;

const [SACK, TIMESTAMPS, WINDOW_SCALING] = ['ipv4/tcp_sack', 'ipv4/tcp_timestamps', 'ipv4/tcp_window_scaling'] as const;
const DEFAULTS = {
  [SACK]: 1,
  [TIMESTAMPS]: 1,
  [WINDOW_SCALING]: 1,
  'ipv4/tcp_dsack': 1,
  'ipv4/tcp_recovery': 1,
  'ipv4/tcp_ecn': 2,
  'ipv4/tcp_syncookies': 1,
  'ipv4/tcp_mtu_probing': 0,
};
const KERNELS: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
  ['as it comes', {}],
  ['without SACK', { [SACK]: 0 }],
  ['without timestamps', { [TIMESTAMPS]: 0 }],
  ['without window scaling', { [WINDOW_SCALING]: 0 }],
  ['without any of the three', { [SACK]: 0, [TIMESTAMPS]: 0, [WINDOW_SCALING]: 0 }],
  ['without D-SACK and RACK', { 'ipv4/tcp_dsack': 0, 'ipv4/tcp_recovery': 0 }],
  ['that asks for ECN', { 'ipv4/tcp_ecn': 1 }],
  ['that answers every SYN with a cookie', { 'ipv4/tcp_syncookies': 2 }],
  ['that probes the path MTU', { 'ipv4/tcp_mtu_probing': 2 }],
];

const bothWays = (opener: Opener, octets: number) => {
  const steps = (seed: number): Step[] => [['write', octets, seed], ['end'], ['receive-end']];
  return { opener, open: steps(1), accept: steps(2) };
};

/** Each end has got, whole, what the other sent, and both have ended in order. */
function expectWhole({ opened, accepted }: Pair, octets: number): void {
  for (const { sent } of [opened, accepted]) expect(sent.octets).toBe(octets);
  expect(accepted).toMatchObject({ ...DONE, received: opened.sent });
  expect(opened).toMatchObject({ ...DONE, received: accepted.sent });
}

afterAll(removeCompiledPeer);

describe.skipIf(!requireOrSkip('tun'))(
  'the Linux kernel on a path that loses, reorders, duplicates and corrupts',
  () => {
    const FAULTS = { loss: 0.01, reordering: 0.01, duplication: 0.01, corruption: 0.01 };
    const LENGTH = MIB;
    const STALL_MS = 1_000;
    let interop: Interop;
    beforeAll(async () => {
      interop = await Interop.wan({ path: { delay: milliseconds(2), rate: 100e6 }, seed: 11 });
      for (const link of Object.values(interop.links ?? {})) link.configure(FAULTS);
    });
    afterAll(() => interop?.close());

    describe.each(OPENERS)('%s opens', (opener) => {
      test.each(KERNELS)(
        'a kernel %s',
        async (_name, settings) => {
          interop.sysctl({ ...DEFAULTS, ...settings });
          interop.far.ip('route', 'replace', '::/0', 'dev', WAN_DEVICE);
          const known = new Set(interop.connections());
          const running = interop.run(bothWays(opener, LENGTH));
          const found = () => interop.connections().find((c) => !known.has(c) && c.info.srtt !== undefined);
          await eventually('a connection', () => found() !== undefined);
          expect(found()?.info).toMatchObject({
            sackPermitted: settings[SACK] !== 0,
            timestamps: settings[TIMESTAMPS] !== 0,
          });
          expectWhole(await running, LENGTH);
        },
        TIMEOUT_MS,
      );

      test.each(congestionControls())(
        'a kernel with %s',
        async (name) => {
          interop.sysctl(DEFAULTS);
          interop.far.ip('route', 'replace', '::/0', 'dev', WAN_DEVICE, 'congctl', name);
          const running = interop.run(bothWays(opener, LENGTH));
          expect(await kernelSays(interop, name)).toBe(true);
          expectWhole(await running, LENGTH);
        },
        TIMEOUT_MS,
      );
    });

    describe.each(OPENERS)('%s opens several connections', (opener) => {
      const BUSY: Step = ['start-write', 8 * MIB, 1];
      const ABORT: Step[] = [BUSY, ['receive', 50_000], ['reset']];

      test.each([
        ['the opener', ABORT, [BUSY]],
        ['the other end', [BUSY], ABORT],
      ] as const)(
        'RFC 5961 3.2: %s aborts each while data flows both ways and segments are missing: ECONNRESET at the other',
        async (who, open, accept) => {
          const { opened, accepted } = await interop.runMany({ opener, open, accept, count: 10 });
          const [aborted, told] = who === 'the opener' ? [opened, accepted] : [accepted, opened];
          expect(new Set(aborted.map(({ error }) => error))).toEqual(new Set([null]));
          expect(new Set(told.map(({ error }) => error))).toEqual(new Set(['ECONNRESET']));
        },
        TIMEOUT_MS,
      );

      test.each(['opener', 'other end'])(
        'RFC 9293 3.8.6.1: the %s reads nothing for a while: windows open again though segments are lost',
        async (slow) => {
          const reader: Step[] = [['pause'], ['sleep', STALL_MS], ['resume'], ['receive-end'], ['end']];
          const writer: Step[] = [['write', 3 * MIB, 3], ['end'], ['receive-end']];
          interop.sysctl({ 'ipv4/tcp_rmem': '4096 65536 131072' });
          const count = 4;
          const [open, accept] = slow === 'opener' ? [reader, writer] : [writer, reader];
          const { opened, accepted } = await interop.runMany({ opener, open, accept, count });
          interop.sysctl({ 'ipv4/tcp_rmem': '4096 131072 6291456' });
          for (const outcome of [...opened, ...accepted]) expect(outcome).toMatchObject(DONE);
          const [readers, writers] = slow === 'opener' ? [opened, accepted] : [accepted, opened];
          const hashes = (outcomes: readonly Outcome[], side: 'sent' | 'received') =>
            outcomes.map((o) => o[side].hash).sort();
          expect(hashes(readers, 'received')).toEqual(hashes(writers, 'sent'));
        },
        TIMEOUT_MS,
      );
    });

    test('100 connections at once, half of them opened by either end', async () => {
      const open: Step[] = [['write', 20_000, 0], ['end'], ['receive-end']];
      const groups = OPENERS.map((opener) => interop.runMany({ opener, open, accept: [['echo']], count: 50 }));
      for (const { opened } of await Promise.all(groups)) {
        for (const outcome of opened) expect(outcome).toMatchObject({ ...DONE, received: outcome.sent });
      }
    });

    test('the faults were there', () => {
      for (const { statistics } of Object.values(interop.links ?? {})) {
        const { sent, lost, reordered, duplicated, corrupted } = statistics;
        expect(sent).toBeGreaterThan(10_000);
        for (const count of [lost, reordered, duplicated, corrupted]) {
          expect(count / sent).toBeGreaterThan(0.005);
          expect(count / sent).toBeLessThan(0.02);
        }
      }
    });
  },
);

describe.skipIf(!requireOrSkip('tun')).each([1280, 9000, 65_535])('a link with an MTU of %i', (mtu) => {
  describe.each(['tso', 'none'] as const)('offloads: %s', (offloads) => {
    const LENGTH = 4 * MIB;
    let interop: Interop;
    beforeAll(async () => {
      interop = await Interop.direct({ mtu, offloads });
    });
    afterAll(() => interop?.close());

    test.each(OPENERS)(
      'data both ways at once, %s opens',
      async (opener) => {
        expectWhole(await interop.run(bothWays(opener, LENGTH)), LENGTH);
      },
      TIMEOUT_MS,
    );
  });
});

describe.skipIf(!requireOrSkip('tun'))('a path MTU that shrinks while data flows', () => {
  const LENGTH = 4 * MIB;
  const SHRINK_MS = 300;
  const WAYS = ['to the kernel', 'to our stack'] as const;
  const cases = OPENERS.flatMap((opener) => WAYS.map((way) => [opener, way] as const));
  const scene = () => Interop.wan({ path: { delay: milliseconds(5), rate: 20e6 }, seed: 3 });

  /** The end that sends into the narrow part comes to know of it. */
  const learnt = async (interop: Interop, way: (typeof WAYS)[number], mtu: number): Promise<void> => {
    if (way === 'to our stack') expect(await kernelSays(interop, `pmtu:${mtu}`)).toBe(true);
    else {
      const small = () => interop.connections().some(({ info }) => info.sendMss <= mtu - IPV6_AND_TCP);
      await eventually(`segments for ${mtu}`, small, PATIENCE_MS);
    }
  };

  test.concurrent.each(cases)(
    'RFC 8201 4: %s opens; a router %s answers Packet Too Big for 1400, then for 1280',
    async (opener, way) => {
      const interop = await scene();
      try {
        interop.near.ip('address', 'add', `${NEAR_KERNEL}/128`, 'dev', WAN_DEVICE, 'nodad');
        const running = interop.run(bothWays(opener, LENGTH));
        for (const mtu of [1400, 1280]) {
          await sleep(SHRINK_MS);
          const narrow = way === 'to the kernel' ? WAN_DEVICE : NODE_DEVICE;
          interop.near.ip('link', 'set', narrow, 'mtu', String(mtu));
          await learnt(interop, way, mtu);
        }
        expectWhole(await running, LENGTH);
      } finally {
        interop.close();
      }
    },
    TIMEOUT_MS,
  );

  test.concurrent.each(cases)(
    'RFC 4821 7.7: %s opens; the way %s swallows what is larger than 1300 and says nothing',
    async (opener, way) => {
      const interop = await scene();
      try {
        interop.sysctl({ 'ipv4/tcp_mtu_probing': 1, 'ipv4/tcp_base_mss': 1200 });
        const running = interop.run(bothWays(opener, MIB));
        await sleep(SHRINK_MS / 3);
        const link = way === 'to the kernel' ? interop.links?.toKernel : interop.links?.toStack;
        link?.configure({ mtu: 1300 });
        expectWhole(await running, MIB);
        expect(link?.statistics.oversized).toBeGreaterThan(0);
      } finally {
        interop.close();
      }
    },
    TIMEOUT_MS,
  );
});

/** Whether ss(8) comes to name something of the kernel's connections: its congestion control, its path MTU. */
async function kernelSays(interop: Interop, what: string): Promise<boolean> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
    const { stdout } = await interop.far.run('ss', ['-t', '-i', '-n', '-H', 'state', 'connected']);
    if (stdout.split(/\s+/).includes(what)) return true;
  }
  return false;
}

/** Those that the running kernel offers. */
function congestionControls(): string[] {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ');
  } catch {
    return [];
  }
}
