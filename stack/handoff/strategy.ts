// How a handoff goes about its work: four independent choices, so that the gain of each can be measured,
// the presets that name useful combinations, and the handoff time each promises (DESIGN.md section 7).

import { type Duration, microseconds } from '../core/time.ts';

export interface Strategy {
  /** Keygen tokens: fetched once the donor has stopped, or ahead of time while it still sends. */
  readonly tokens: 'on-demand' | 'prefetched';
  /** Unacknowledged octets: waited for until the client has them, or carried over to the acceptor. */
  readonly buffers: 'drain' | 'carry';
  /** The acceptor's first data: after the Binding Acknowledgement, or right behind the Binding Update. */
  readonly binding: 'confirmed' | 'optimistic';
}

export const PRESETS = {
  classic: { tokens: 'on-demand', buffers: 'drain', binding: 'confirmed' },
  prefetched: { tokens: 'prefetched', buffers: 'drain', binding: 'confirmed' },
  fast: { tokens: 'prefetched', buffers: 'carry', binding: 'optimistic' },
} as const satisfies Record<string, Strategy>;

export type PresetName = keyof typeof PRESETS;

export const DEFAULT_PRESET: PresetName = 'fast';

export const isPresetName = (text: string): text is PresetName => Object.hasOwn(PRESETS, text);

/** One-way latencies, and the round trip of the home test (acceptor, home agent, client and back). */
export interface Latencies {
  readonly donorAcceptor: Duration;
  readonly clientDonor: Duration;
  readonly clientAcceptor: Duration;
  readonly homeTest: Duration;
}

/**
 * The handoff time that a strategy promises, seen at the client, from the last segment that came from the
 * donor to the first that comes from the acceptor; without loss, queues and processing time.
 *
 * `download`: data flows to the client, so a drain takes the round trip between donor and client, of which the
 * client sees half. `upload`: there is nothing to drain, the donor acknowledges until it freezes.
 */
export function handoffTime(strategy: Strategy, l: Latencies, flow: 'download' | 'upload'): Duration {
  const drain = strategy.buffers === 'drain' && flow === 'download' ? 2 * l.clientDonor : 0;
  // With on-demand tokens the app is quiet during the tests, while TCP goes on acknowledging an upload.
  const tests =
    strategy.tokens === 'on-demand' && flow === 'download'
      ? 2 * l.donorAcceptor + Math.max(2 * l.clientAcceptor, l.homeTest)
      : 0;
  const state = l.donorAcceptor;
  const binding = strategy.binding === 'confirmed' ? 3 * l.clientAcceptor : l.clientAcceptor;
  return microseconds(Math.max(0, drain + tests + state + binding - l.clientDonor));
}

/** The formula of handoffTime() in words, for people. */
export function handoffFormula(strategy: Strategy): string {
  const drained = strategy.buffers === 'drain';
  const onDemand = strategy.tokens === 'on-demand';
  const states = onDemand ? '3 Lss' : 'Lss';
  const donor = drained ? '+ Lsc_d' : '- Lsc_d';
  const acceptor = strategy.binding === 'confirmed' ? '+ 3 Lsc_a' : '+ Lsc_a';
  const tests = onDemand ? ' + max(2 Lsc_a, H)' : '';
  return drained ? `${states} ${donor} ${acceptor}${tests}` : `${states} ${acceptor} ${donor}${tests}`;
}

/** One-way latencies that a plain client's handoff depends on: all its packets go by way of the home agent. */
export interface PlainLatencies {
  readonly donorAcceptor: Duration;
  readonly homeDonor: Duration;
  readonly homeAcceptor: Duration;
  readonly homeClient: Duration;
}

/**
 * handoffTime() of a plain client, which has no tests, and whose Binding Update is a flow binding at the home agent. From the
 * last segment on its way from donor to client to the first on its way from the acceptor:
 *
 * drain: a round trip between donor and client, of which the client sees half; on-demand: PREPARE and READY; then STATE;
 * confirmed: a round trip between acceptor and home agent. The way from home agent to client is the same for both.
 */
export function plainHandoffTime(strategy: Strategy, l: PlainLatencies, flow: 'download' | 'upload'): Duration {
  const toDonor = l.homeDonor + l.homeClient;
  const drain = strategy.buffers === 'drain' && flow === 'download' ? 2 * toDonor : 0;
  const ready = strategy.tokens === 'on-demand' && flow === 'download' ? 2 * l.donorAcceptor : 0;
  const binding = strategy.binding === 'confirmed' ? 2 * l.homeAcceptor : 0;
  const toAcceptor = l.homeAcceptor + l.homeClient;
  return microseconds(Math.max(0, drain + ready + l.donorAcceptor + binding + toAcceptor - toDonor));
}

/** The formula of plainHandoffTime() for a download in words; Lsh: between a server and the home agent, Lhc: from there to the client. */
export function plainHandoffFormula(strategy: Strategy): string {
  const states = strategy.tokens === 'on-demand' ? '3 Lss' : 'Lss';
  const acceptor = strategy.binding === 'confirmed' ? '+ 3 Lsh_a' : '+ Lsh_a';
  return strategy.buffers === 'drain' ? `${states} + Lsh_d ${acceptor} + 2 Lhc` : `${states} ${acceptor} - Lsh_d`;
}
