// Interoperation with the Linux kernel over paths, each case in both roles and with data both ways: loss, reordering,
// duplication and corruption together; kernels without SACK, timestamps or window scaling and with other odd settings;
// each congestion control that the kernel has; small, huge and shrinking MTUs.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import { applyVariant, congestionVariants, KERNEL_VARIANTS, type KernelVariant } from '../../tools/bench/kernels.ts';
import { NODE_DEVICE, WAN_DEVICE } from '../../tools/lab/topology.ts';
import { removeCompiledPeer } from './interop-kernel.ts';
import type { Outcome, Step } from './interop-plays.ts';
import { Interop, OPENERS, type Opener, type Pair } from './interop-scene.ts';
import { eventually, requireOrSkip } from './support.ts';

const MIB = 1024 * 1024;
const TIMEOUT_MS = 30_000;
const DEFAULT_CONTROL = readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
const IPV6_AND_TCP = 60;
/** From where the kernel that forwards in front of our stack sends its ICMPv6 errors. */
const NEAR_KERNEL = '2001:db8:a::fe';
const DONE = { ended: true, error: null } as const;

const VARIANTS: readonly KernelVariant[] = [...KERNEL_VARIANTS, ...congestionVariants()];
const AS_IT_COMES: KernelVariant = { name: 'as it comes' };
const BUFFERS = { tcp_rmem: '4096 65536 131072' };
/** A window that little fills. */
const STINGY: readonly KernelVariant[] = [
  { ...AS_IT_COMES, settings: BUFFERS },
  { name: 'without window scaling', settings: { tcp_window_scaling: 0, ...BUFFERS } },
  { name: 'that takes back windows', settings: { tcp_shrink_window: 1, ...BUFFERS } },
];
const MTU_VARIANTS: readonly KernelVariant[] = [AS_IT_COMES, { name: 'without SACK', settings: { tcp_sack: 0 } }];
const SHRINK_VARIANTS: readonly (KernelVariant & { readonly loss: number })[] = [
  { ...AS_IT_COMES, loss: 0 },
  { name: 'without SACK', settings: { tcp_sack: 0 }, loss: 0.01 },
];

const named = <T extends { readonly name: string }>(list: readonly T[]) => list.map((one) => [one.name, one] as const);
const hashes = (outcomes: readonly Outcome[], side: 'sent' | 'received') => outcomes.map((o) => o[side].hash).sort();

const bothWays = (opener: Opener, octets: number) => {
  const steps = (seed: number): Step[] => [['write', octets, seed], ['end'], ['receive-end']];
  return { opener, open: steps(1), accept: steps(2) };
};

/** Each end has got, whole, what the other sent, and both have ended in order. */
function expectWhole({ opened, accepted }: Pair, octets = opened.sent.octets): void {
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
    const STALL_MS = 700;
    let interop: Interop;
    beforeAll(async () => {
      interop = await Interop.wan({ path: { delay: milliseconds(2), rate: 100e6 }, seed: 11 });
      for (const link of Object.values(interop.links ?? {})) link.configure(FAULTS);
    });
    afterAll(() => interop?.close());

    describe.each(OPENERS)('%s opens', (opener) => {
      test.each(named(VARIANTS))(
        'a kernel %s: both ends agree on the options, and the data is whole',
        async (_name, variant) => {
          applyVariant(interop.far.name, variant);
          const known = new Set(interop.connections());
          const { tcp_sack = 1, tcp_timestamps = 1, tcp_window_scaling = 1 } = variant.settings ?? {};
          const options = { sackPermitted: tcp_sack === 1, timestamps: tcp_timestamps === 1 };
          const pair = await interop.flow(opener, async () => {
            const found = () => interop.connections().find((c) => !known.has(c) && c.bytesRead > LENGTH);
            await eventually('a connection', () => found() !== undefined, TIMEOUT_MS);
            expect(found()?.info).toMatchObject(options);
            const words = await kernelSays(interop, (said) => said.includes(congestionControlOf(variant)));
            expect({ sackPermitted: words.includes('sack'), timestamps: words.includes('ts') }).toEqual(options);
            expect(words.some((word) => word.startsWith('wscale:'))).toBe(tcp_window_scaling === 1);
          });
          expectWhole(pair);
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

      test.each(named(STINGY))(
        'RFC 9293 3.8.6.1: an end reads nothing for a while: windows open again though segments are lost; a kernel %s',
        async (_name, variant) => {
          applyVariant(interop.far.name, variant);
          const reader: Step[] = [['pause'], ['sleep', STALL_MS], ['resume'], ['receive-end'], ['end']];
          const writer: Step[] = [['write', 3 * MIB, 3], ['end'], ['receive-end']];
          const count = 2;
          const roles = [[reader, writer] as const, [writer, reader] as const];
          const results = roles.map(([open, accept]) => interop.runMany({ opener, open, accept, count }));
          for (const { opened, accepted } of await Promise.all(results)) {
            for (const outcome of [...opened, ...accepted]) expect(outcome).toMatchObject(DONE);
            expect(hashes(opened, 'received')).toEqual(hashes(accepted, 'sent'));
            expect(hashes(accepted, 'received')).toEqual(hashes(opened, 'sent'));
          }
        },
        TIMEOUT_MS,
      );

      test(
        '500 connections at once',
        async () => {
          applyVariant(interop.far.name, AS_IT_COMES);
          const open: Step[] = [['write', 3_000, 0], ['end'], ['receive-end']];
          const { opened, accepted } = await interop.runMany({ opener, open, accept: [['echo']], count: 500 });
          expect(accepted).toHaveLength(500);
          for (const outcome of opened) expect(outcome).toMatchObject({ ...DONE, received: outcome.sent });
        },
        TIMEOUT_MS,
      );
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
      expect(interop.offences({ damage: true, windows: true, aborts: true })).toEqual([]);
    });
  },
);

describe.skipIf(!requireOrSkip('tun')).each([1280, 65_535])('a bad path with an MTU of %i', (mtu) => {
  const LENGTH = 3 * MIB;
  const FAULTS = { loss: 0.01, reordering: 0.01, duplication: 0.01, corruption: 0.01 };
  let interop: Interop;
  beforeAll(async () => {
    interop = await Interop.wan({ mtu, path: { delay: milliseconds(2), rate: 500e6 }, seed: 12 });
    for (const link of Object.values(interop.links ?? {})) link.configure(FAULTS);
  });
  afterAll(() => interop?.close());

  test.each(OPENERS.flatMap((opener) => MTU_VARIANTS.map((variant) => [opener, variant.name, variant] as const)))(
    'data both ways at once, %s opens; a kernel %s',
    async (opener, _name, variant) => {
      applyVariant(interop.far.name, variant);
      expectWhole(await interop.run(bothWays(opener, LENGTH)), LENGTH);
      expect(interop.offences({ damage: true })).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

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
  const SHRINK_MS = 300;
  const WAYS = ['to the kernel', 'to our stack'] as const;
  const cases = OPENERS.flatMap((opener) => WAYS.map((way) => [opener, way] as const));
  const scene = (loss = 0) => Interop.wan({ path: { delay: milliseconds(5), rate: 20e6, loss }, seed: 3 });

  /** The end that sends into the narrow part comes to know of it. */
  const learnt = async (interop: Interop, way: (typeof WAYS)[number], mtu: number): Promise<void> => {
    if (way === 'to our stack') await kernelSays(interop, (said) => said.includes(`pmtu:${mtu}`));
    else {
      const small = () => interop.connections().some(({ info }) => info.sendMss <= mtu - IPV6_AND_TCP);
      await eventually(`segments for ${mtu}`, small, TIMEOUT_MS);
    }
  };

  const shrinking = SHRINK_VARIANTS.flatMap(({ loss, ...variant }) =>
    cases.map(([opener, way]) => [opener, way, variant.name, `loss of ${loss * 100} %`, variant, loss] as const),
  );

  test.concurrent.each(shrinking)(
    'RFC 8201 4: %s opens; a router %s answers Packet Too Big for 1400, then for 1280; a kernel %s, %s',
    async (opener, way, _name, _loss, variant, loss) => {
      const interop = await scene(loss);
      try {
        applyVariant(interop.far.name, variant);
        interop.near.ip('address', 'add', `${NEAR_KERNEL}/128`, 'dev', WAN_DEVICE, 'nodad');
        const pair = await interop.flow(opener, async () => {
          for (const mtu of [1400, 1280]) {
            await sleep(SHRINK_MS);
            const narrow = way === 'to the kernel' ? WAN_DEVICE : NODE_DEVICE;
            interop.near.ip('link', 'set', narrow, 'mtu', String(mtu));
            await learnt(interop, way, mtu);
          }
        });
        expectWhole(pair);
        expect(interop.offences()).toEqual([]);
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

/** What ss(8) comes to say of the kernel's connections, word by word, once it `holds`. */
async function kernelSays(interop: Interop, holds: (words: readonly string[]) => boolean): Promise<readonly string[]> {
  let words: readonly string[] = [];
  for (const end = performance.now() + TIMEOUT_MS; performance.now() < end; ) {
    const { stdout } = await interop.far.run('ss', ['-t', '-i', '-o', '-n', '-H', 'state', 'established']);
    words = stdout.split(/\s+/);
    if (holds(words)) return words;
  }
  throw new Error(`not in time: what ss says is ${words.join(' ')}`);
}

/** As ss(8) names it: the default is the kernel's own choice. */
function congestionControlOf({ route = [] }: KernelVariant): string {
  const at = route.indexOf('congctl');
  return (at < 0 ? undefined : route[at + 1]) ?? DEFAULT_CONTROL;
}
