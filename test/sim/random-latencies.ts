// Latencies of a whole group, from a seed: near and far, and no two links alike.

import type { Random } from '../../stack/core/random.ts';
import type { WorldLatencies } from './world.ts';

export function randomLatencies(random: Random): WorldLatencies {
  const between = (low: number, high: number) => low + random.float() * (high - low);
  return {
    donorAcceptor: between(1, 40),
    clientDonor: between(2, 60),
    clientAcceptor: between(2, 60),
    home: between(1, 30),
  };
}
