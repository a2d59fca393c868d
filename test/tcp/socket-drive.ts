// Virtual time for streams: a slice of the simulated network, then a turn of Node's loop for what the streams
// make of it, and so on until a condition holds.

import { milliseconds } from '../../stack/core/time.ts';
import type { World } from './support.ts';

const SLICE = milliseconds(1);

/**
 * Fails when `done` does not hold after `limitMs` of virtual time: a lot of it, because where a test reads files
 * virtual time runs on while the disk works.
 */
export async function drive(world: World, done: () => boolean, limitMs = 5_000_000): Promise<void> {
  for (let elapsedMs = 0; !done(); elapsedMs++) {
    if (elapsedMs > limitMs) throw new Error(`not done after ${limitMs} ms of virtual time`);
    world.runFor(SLICE);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
