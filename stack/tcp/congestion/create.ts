// The table of congestion controllers by name.

import type { CongestionControl, CongestionName, CongestionState } from './congestion.ts';
import { Cubic } from './cubic.ts';
import { NewReno } from './newreno.ts';

/** A controller for segments of `mss` octets, fresh or as it was when its snapshot was taken. */
export function createCongestionControl(name: CongestionName, mss: number, state?: CongestionState): CongestionControl {
  return name === 'cubic' ? new Cubic(mss, state) : new NewReno(mss, state);
}
