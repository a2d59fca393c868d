// What may happen to a path while data flows, with the Linux kernel at its other end: it swallows everything for a
// while, its round trip grows or shrinks at once. Each case in both roles, with data both ways. MTUs that shrink are in
// kernel-interop-paths.test.ts.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import type { LinkConditions } from '../../stack/device/fault.ts';
import { applyVariant, KERNEL_VARIANTS, type KernelVariant } from '../../tools/bench/kernels.ts';
import { removeCompiledPeer } from './interop-kernel.ts';
import type { Step } from './interop-plays.ts';
import { Interop, OPENERS } from './interop-scene.ts';
import { requireOrSkip } from './support.ts';

const LENGTH = 384 * 1024;
/** Timeouts grow by themselves where a machine is slow. */
const TIMEOUT_MS = 60_000;
const DONE = { ended: true, error: null } as const;

interface PathEvent {
  readonly name: string;
  readonly ways: readonly ('toKernel' | 'toStack')[];
  readonly before?: Partial<LinkConditions>;
  readonly after: Partial<LinkConditions>;
  /** How long it lasts; absent: for good. */
  readonly forMs?: number;
}

const BOTH = ['toKernel', 'toStack'] as const;
const NEAR = { delay: milliseconds(2) };
const FAR = { delay: milliseconds(150) };
const EVENTS: readonly PathEvent[] = [
  { name: 'swallows everything for 700 ms', ways: BOTH, after: { loss: 1 }, forMs: 700 },
  { name: 'swallows all that goes to the kernel for 700 ms', ways: ['toKernel'], after: { loss: 1 }, forMs: 700 },
  { name: 'swallows all that goes to our stack for 700 ms', ways: ['toStack'], after: { loss: 1 }, forMs: 700 },
  { name: 'grows from 4 to 300 ms, beyond the timeouts', ways: BOTH, after: FAR },
  { name: 'shrinks from 300 to 4 ms, and what is sent then comes first', ways: BOTH, before: FAR, after: NEAR },
  { name: 'becomes ten times as slow', ways: BOTH, after: { rate: 2e6, queueBytes: 30_000 }, forMs: 700 },
];
const KERNELS: readonly KernelVariant[] = KERNEL_VARIANTS.filter(({ name }) =>
  ['as it comes', 'without any of the three'].includes(name),
);
const CASES = EVENTS.flatMap((event) => KERNELS.map((kernel) => [event.name, kernel.name, event, kernel] as const));

afterAll(removeCompiledPeer);

describe.skipIf(!requireOrSkip('tun'))('a path with the Linux kernel at its other end', () => {
  test.concurrent.each(CASES)(
    'that %s; a kernel %s',
    async (_event, _kernel, { ways, before = NEAR, after, forMs }, kernel) => {
      const interop = await Interop.wan({ path: { ...before, rate: 20e6 }, seed: 7 });
      try {
        applyVariant(interop.far.name, kernel);
        const steps = (seed: number): Step[] => [['write', LENGTH, seed], ['end'], ['receive-end']];
        const running = OPENERS.map((opener) => interop.run({ opener, open: steps(1), accept: steps(2) }));
        await sleep(350);
        const links = ways.flatMap((way) => interop.links?.[way] ?? []);
        const usual = links.map(({ conditions }) => conditions);
        for (const link of links) link.configure(after);
        if (forMs !== undefined) {
          await sleep(forMs);
          for (const [i, link] of links.entries()) link.configure(usual[i] ?? {});
        }
        for (const { opened, accepted } of await Promise.all(running)) {
          expect([opened.sent.octets, accepted.sent.octets]).toEqual([LENGTH, LENGTH]);
          expect(accepted).toMatchObject({ ...DONE, received: opened.sent });
          expect(opened).toMatchObject({ ...DONE, received: accepted.sent });
        }
        expect(interop.offences()).toEqual([]);
      } finally {
        interop.close();
      }
    },
    TIMEOUT_MS,
  );
});
