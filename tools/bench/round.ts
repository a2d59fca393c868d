// What a round of the soak is: a path between stack and kernel and some transfers over it. All of it follows
// from one seed, and so do the router's faults; what the two machines make of it in real time does not.

import { below, type Random, SeededRandom } from '../../stack/core/random.ts';
import { milliseconds } from '../../stack/core/time.ts';
import { LAB_MTU, type PathConditions } from '../lab/topology.ts';
import { congestionVariants, KERNEL_VARIANTS, type KernelVariant } from './kernels.ts';
import { TRANSFER_KINDS, type TransferKind } from './transfer.ts';

export interface Round {
  readonly seed: number;
  readonly path: PathConditions;
  readonly offloads: 'tso' | 'none';
  readonly mtu: number;
  /** Packets of which one bit is flipped, as a share. */
  readonly corruption: number;
  readonly kernel: KernelVariant;
  readonly transfers: readonly { readonly kind: TransferKind; readonly length: number }[];
}

/** The path of issue and test suite: 5 ms one way, and each kind of fault on one packet in a hundred. */
export const MAIN_PATH: PathConditions = {
  delay: milliseconds(5),
  loss: 0.01,
  duplication: 0.01,
  reordering: 0.01,
  marking: 0,
  rate: 100e6,
};

export const mainRound = (seed: number, length: number): Round => ({
  seed,
  path: MAIN_PATH,
  offloads: 'tso',
  mtu: LAB_MTU,
  corruption: 0,
  kernel: KERNEL_VARIANTS[0],
  transfers: TRANSFER_KINDS.map((kind) => ({ kind, length })),
});

const MAX_DELAY_MS = 30;
const MAX_FAULTS = 0.02;
const MIN_RATE = 5e6;
const MAX_RATE = 1e9;
const MAX_TRANSFERS = 6;
/** At the worst of these paths it takes a minute. */
const MAX_LENGTH = 4 * 1024 * 1024;
const MTUS = [1280, LAB_MTU, LAB_MTU, 9000, 65_535] as const;

/** As many as this machine's kernel has congestion controls for: a seed means the same round where these are the same. */
const VARIANTS: readonly KernelVariant[] = [...KERNEL_VARIANTS, ...congestionVariants()];

export function drawRound(seed: number): Round {
  const random = new SeededRandom(seed);
  return {
    seed,
    path: {
      delay: milliseconds(random.float() * MAX_DELAY_MS),
      loss: drawFault(random),
      duplication: drawFault(random),
      reordering: drawFault(random),
      marking: 0,
      rate: Math.round(MIN_RATE * (MAX_RATE / MIN_RATE) ** random.float()),
    },
    offloads: random.float() < 0.5 ? 'tso' : 'none',
    transfers: Array.from({ length: 1 + below(random, MAX_TRANSFERS) }, () => ({
      kind: TRANSFER_KINDS[below(random, TRANSFER_KINDS.length)] ?? TRANSFER_KINDS[0],
      // As many short ones as long ones, by powers of two.
      length: Math.floor(MAX_LENGTH ** random.float()),
    })),
    mtu: MTUS[below(random, MTUS.length)] ?? LAB_MTU,
    corruption: drawFault(random),
    kernel: VARIANTS[below(random, VARIANTS.length)] ?? KERNEL_VARIANTS[0],
  };
}

/** A path without one kind of fault shows what hides behind the others. */
const drawFault = (random: Random): number => (random.float() < 0.3 ? 0 : random.float() * MAX_FAULTS);
