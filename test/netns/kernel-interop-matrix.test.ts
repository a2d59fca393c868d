// The Linux kernel in each of its variants on each kind of bad path. A case is six connections at once: each end opens
// three, of which one carries data to the kernel, one to our stack, one both ways. All is whole in the end, both ends
// have closed in order, and the kernel has counted nothing that our stack should not have done.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import type { LinkConditions, LinkStatistics } from '../../stack/device/fault.ts';
import type { TcpOptions } from '../../stack/tcp/api.ts';
import { applyVariant, congestionVariants, KERNEL_VARIANTS, type KernelVariant } from '../../tools/bench/kernels.ts';
import { countedSince, kernelCounters, offences } from './interop-counters.ts';
import { removeCompiledPeer } from './interop-kernel.ts';
import type { Step } from './interop-plays.ts';
import { Interop, OPENERS, type Opener } from './interop-scene.ts';
import { requireOrSkip } from './support.ts';

const KIB = 1024;
const TIMEOUT_MS = 30_000;
const DONE = { ended: true, error: null } as const;

interface BadPath {
  readonly name: string;
  readonly faults: Partial<LinkConditions>;
  /** Of our end. */
  readonly tcp?: TcpOptions;
  /** What of the link's statistics shows that the faults were there. */
  readonly shown: keyof LinkStatistics;
}

/** IPv6, TCP, timestamps. */
const HEADERS = 72;
const PATHS: readonly BadPath[] = [
  { name: 'that loses 3 %', faults: { loss: 0.03 }, shown: 'lost' },
  { name: 'that reorders 10 %', faults: { reordering: 0.1 }, shown: 'reordered' },
  { name: 'that duplicates 10 %', faults: { duplication: 0.1 }, shown: 'duplicated' },
  { name: 'that flips a bit of 3 %', faults: { corruption: 0.03 }, shown: 'corrupted' },
  {
    name: 'that flips a bit in the headers of 5 %',
    faults: { corruption: 0.05, corruptionSpan: HEADERS },
    shown: 'corrupted',
  },
  {
    name: 'that marks 5 % in place of dropping, and loses 1 %',
    faults: { marking: 0.05, loss: 0.01 },
    tcp: { ecn: 'on' },
    shown: 'marked',
  },
  { name: 'with a queue for 13 packets', faults: { rate: 30e6, queueBytes: 20_000 }, shown: 'overflowed' },
];
const VARIANTS: readonly KernelVariant[] = [...KERNEL_VARIANTS, ...congestionVariants()];

const LENGTH = 384 * KIB;
const FLOWS = {
  'the opener sends': [LENGTH, 0],
  'the other end sends': [0, LENGTH],
  'both send': [LENGTH / 2, LENGTH / 2],
} as const;
type Flow = keyof typeof FLOWS;
type Case = readonly [opener: Opener, flow: Flow];
const CASES: readonly Case[] = OPENERS.flatMap((opener) =>
  (Object.keys(FLOWS) as Flow[]).map((flow) => [opener, flow] as const),
);

/** What both ends know of a connection that is there: nothing is sent, or one octet each way, the opener's first. */
type Greeting = { readonly open: readonly Step[]; readonly accept: readonly Step[]; readonly octets: number };
const NO_GREETING: Greeting = { open: [], accept: [], octets: 0 };
/**
 * RFC 4987 3.6: an end that answers with a cookie knows of no connection before the third segment of the handshake, and sends
 * nothing again. Where it is the one to speak, and that segment is lost, neither end ever hears of the other; where the opener
 * speaks, and all is lost that began with that number, the next segment meets a reset. An octet that is answered is sent
 * until it has come.
 */
const GREETING: Greeting = {
  open: [
    ['write', 1, 0],
    ['receive', 1],
  ],
  accept: [
    ['receive', 1],
    ['write', 1, 0],
  ],
  octets: 1,
};

/** An end with nothing to send closes when the other has: half-closed for as long as data flows. */
const steps = (octets: number, seed: number): Step[] =>
  octets > 0 ? [['write', octets, seed], ['end'], ['receive-end']] : [['receive-end'], ['end']];

interface Terms {
  readonly greeting: Greeting;
  readonly tcp: TcpOptions;
}

async function converse(interop: Interop, [opener, flow]: Case, seed: number, { greeting, tcp }: Terms): Promise<void> {
  const [theirs, others] = FLOWS[flow];
  const open = [...greeting.open, ...steps(theirs, seed)];
  const accept = [...greeting.accept, ...steps(others, seed + 1)];
  const { opened, accepted } = await interop.run({ opener, open, accept, tcp });
  expect({ opener, flow, ...accepted }).toMatchObject({ ...DONE, received: opened.sent });
  expect({ opener, flow, ...opened }).toMatchObject({ ...DONE, received: accepted.sent });
  expect([opened, accepted].map(({ sent }) => sent.octets - greeting.octets)).toEqual([theirs, others]);
}

const named = <T extends { readonly name: string }>(list: readonly T[]) => list.map((one) => [one.name, one] as const);

afterAll(removeCompiledPeer);

// The paths side by side (they are idle most of the time, waiting for timers), the variants of the kernel one by one.
describe.skipIf(!requireOrSkip('tun')).concurrent.each(named(PATHS))(
  'a path %s',
  (_name, { faults, shown, tcp = {} }) => {
    const damage = (faults.corruption ?? 0) > 0;
    let interop: Interop;
    beforeAll(async () => {
      const seed = 1 + PATHS.findIndex((path) => path.faults === faults);
      interop = await Interop.wan({ path: { delay: milliseconds(2), rate: 100e6 }, seed });
      for (const link of Object.values(interop.links ?? {})) link.configure(faults);
    });
    afterAll(() => interop?.close());

    test.sequential.each(named(VARIANTS))(
      'a kernel %s',
      async (_variant, variant) => {
        applyVariant(interop.far.name, variant);
        const before = kernelCounters(interop.far.name);
        const greeting = variant.settings?.tcp_syncookies === 2 ? GREETING : NO_GREETING;
        await Promise.all(CASES.map((conversation, seed) => converse(interop, conversation, seed, { greeting, tcp })));
        const counted = countedSince(before, kernelCounters(interop.far.name));
        const windows = variant.settings?.tcp_shrink_window === 1;
        expect(offences(counted, { damage, windows })).toEqual([]);
      },
      TIMEOUT_MS,
    );

    test.sequential('the faults were there, and both ends have found the damage', () => {
      for (const { statistics } of Object.values(interop.links ?? {})) expect(statistics[shown]).toBeGreaterThan(100);
      const found = [
        kernelCounters(interop.far.name).TcpInCsumErrors ?? 0,
        interop.scene.stack.host.tcp.counters.get('checksum'),
      ];
      for (const count of found) {
        if (damage) expect(count).toBeGreaterThan(100);
        else expect(count).toBe(0);
      }
    });
  },
);
