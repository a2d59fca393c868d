// A connection whose application has let go (close() of RFC 9293 3.9.1.5): the core sends what is left and the FIN
// by itself. What no reader will ever take is answered with a RST (RFC 1122 4.2.2.13, RFC 2525 2.17),
// and a peer that never sends its FIN does not hold the connection for ever.

import { type Clock, type Instant, seconds } from '../core/time.ts';
import type { Connection } from './api.ts';

/** How long a connection without an owner may wait for the peer's FIN, or for it to take an octet; Linux waits as long. */
export const ORPHAN_LIFETIME = seconds(60);

/** Lets the connection end by itself. `reset`: at once, with a RST. */
export function leaveOrphan(clock: Clock, connection: Connection, reset = false): void {
  const now = clock.now();
  connection.events = {};
  if (reset || connection.readableBytes > 0) {
    connection.abort(now);
    return;
  }
  // A frozen connection changes hands before the time is up: whoever has it then watches over it.
  let left = connection.unacknowledged;
  const expire = () => {
    if (connection.frozen) return;
    if (connection.unacknowledged >= left) {
      connection.abort(clock.now());
      return;
    }
    left = connection.unacknowledged;
    lifetime.refresh();
  };
  const lifetime = setTimeout(expire, ORPHAN_LIFETIME / 1_000).unref();
  connection.events = {
    readable: (at: Instant) => connection.abort(at),
    closed: () => clearTimeout(lifetime),
  };
  connection.close(now);
}
