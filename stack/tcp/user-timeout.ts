// The user timeout (RFC 9293 3.8.3) and its option on the wire (RFC 5482 3.1): ADV_UTO goes out with the SYN and, as
// nothing assures its delivery, with a few pure ACKs; what the peer advertises changes our own timeout as long as the
// application has not chosen one, within limits. Only where the application has switched it on (ENABLED).

import { after, type Duration, type Instant, seconds, toSeconds } from '../core/time.ts';
import type { TcpUserTimeout, TcpOptions as WireOptions } from '../wire/tcp-option.ts';
import { LEAST_ADOPTED_USER_TIMEOUT, MOST_ADOPTED_USER_TIMEOUT, USER_TIMEOUT_COPIES } from './limits.ts';
import type { Tcb } from './tcb.ts';
import { setTimer } from './timers.ts';

const MAX_VALUE = 0x7fff;
const MINUTE = 60;

/** When a user timeout that starts now runs out. */
export const userDeadline = (tcb: Tcb, now: Instant): Instant => after(now, tcb.options.userTimeout);

/** The application chooses: CHANGEABLE is false from now on, and the peer is told with the next ACKs. */
export function chooseUserTimeout(tcb: Tcb, now: Instant, userTimeout: Duration): void {
  const { options } = tcb;
  options.userTimeout = userTimeout;
  options.advertisedUserTimeout = userTimeout;
  options.userTimeoutChangeable = false;
  if (options.userTimeoutOption) tcb.userTimeoutCopies = USER_TIMEOUT_COPIES;
  if (tcb.hasWork) setTimer(tcb, now, 'userTimeout', userTimeout);
}

/** The option of our SYN or SYN,ACK. */
export const userTimeoutOption = (tcb: Tcb): Pick<WireOptions, 'userTimeout'> =>
  tcb.options.userTimeoutOption ? { userTimeout: toWire(tcb.options.advertisedUserTimeout) } : {};

/** Of a pure ACK that leaves: with the option while it is still to be repeated. */
export function withUserTimeout(tcb: Tcb, options: WireOptions): WireOptions {
  tcb.userTimeoutCopies -= 1;
  return { ...options, ...userTimeoutOption(tcb) };
}

/** RFC 5482 3.1: USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)); 3.3: a value of zero is ignored. */
export function takeUserTimeout(tcb: Tcb, now: Instant, { granularity, value }: TcpUserTimeout): void {
  const { options } = tcb;
  if (!options.userTimeoutOption || !options.userTimeoutChangeable || value === 0) return;
  const remote = seconds(granularity === 'minutes' ? value * MINUTE : value);
  const wanted = Math.max(options.advertisedUserTimeout, remote, LEAST_ADOPTED_USER_TIMEOUT);
  const adopted = Math.min(MOST_ADOPTED_USER_TIMEOUT, wanted) as Duration;
  if (adopted === options.userTimeout) return;
  options.userTimeout = adopted;
  if (tcb.timers.userTimeout.armed) tcb.timers.userTimeout.set(userDeadline(tcb, now));
}

/** RFC 5482 3.3: 15 bits of seconds, or of minutes where these do not suffice; never zero. */
function toWire(userTimeout: Duration): TcpUserTimeout {
  const value = Math.max(1, Math.round(toSeconds(userTimeout)));
  if (value <= MAX_VALUE) return { granularity: 'seconds', value };
  return { granularity: 'minutes', value: Math.min(MAX_VALUE, Math.round(value / MINUTE)) };
}
