// How every Mobility Header leaves: emitted straight into the packet's space, signed there where a signature
// is due (checksum still zero, as the authenticators want it), then sent. Which way it goes is its caller's word.

import type { Instant } from '../core/time.ts';
import type { Detour } from '../ipv6/hooks.ts';
import type { SendVerdict } from '../ipv6/port.ts';
import type { Address } from '../wire/address.ts';
import { PROTOCOL } from '../wire/ipv6.ts';
import { emitMobilityHeader, MOBILITY_CHECKSUM, type MobilityMessage, mobilityHeaderLength } from '../wire/mobility.ts';
import type { MobilityEnvironment } from './api.ts';
import type { MobilityHeaderSpan } from './rr-keys.ts';

export interface OutgoingMobility {
  readonly source: Address;
  readonly destination: Address;
  readonly message: MobilityMessage;
  /** Exactly this way. Absent: as the output hooks say, none of which applies a binding to a Mobility Header. */
  readonly via?: Detour;
  /** Fills in authenticators. */
  readonly sign?: (header: MobilityHeaderSpan) => void;
}

export function sendMobility(environment: MobilityEnvironment, now: Instant, note: OutgoingMobility): SendVerdict {
  const { ipv6 } = environment;
  const { source, destination, message, via, sign } = note;
  const { buffer, start } = ipv6.allocate(mobilityHeaderLength(message));
  const end = emitMobilityHeader(message, buffer, start);
  sign?.({ bytes: buffer, start, end });
  const packet = {
    source,
    destination,
    protocol: PROTOCOL.mobility,
    buffer,
    start,
    end,
    checksumOffset: MOBILITY_CHECKSUM,
  };
  return via === undefined ? ipv6.send(now, packet) : ipv6.sendVia(now, packet, via);
}
