// ICMPv6 input (RFC 4443): echo requests are answered, errors go to icmp-report.ts, all else to whoever has
// registered protocol 58 (echo replies of a ping, say). Neighbor Discovery and MLD are not spoken here.

import { checksumHolds, sumWords } from '../core/checksum.ts';
import { assertNever } from '../core/parsed.ts';
import type { Instant } from '../core/time.ts';
import type { Address } from '../wire/address.ts';
import { emitIcmpv6, ICMPV6_CHECKSUM, type Icmpv6Echo, icmpv6Length, parseIcmpv6 } from '../wire/icmpv6.ts';
import { PROTOCOL, pseudoHeaderSum } from '../wire/ipv6.ts';
import type { Ipv6Context } from './context.ts';
import type { IcmpReports } from './icmp-report.ts';
import type { Output } from './output.ts';
import type { IcmpErrorReport, ReceivedPacket, UpperLayer, UpperVerdict } from './port.ts';

export class Icmp implements UpperLayer {
  readonly #context: Ipv6Context;
  readonly #output: Output;
  readonly #reports: IcmpReports;
  /** The registered receiver of what is not dealt with here. */
  user: UpperLayer | undefined;

  constructor(context: Ipv6Context, output: Output, reports: IcmpReports) {
    this.#context = context;
    this.#output = output;
    this.#reports = reports;
  }

  input(now: Instant, packet: ReceivedPacket): UpperVerdict {
    const message = hasGoodChecksum(packet) ? parseIcmpv6(packet.bytes, packet.start, packet.end) : undefined;
    if (message?.ok !== true) {
      this.#context.drop(message === undefined ? 'icmp-checksum' : 'icmp-malformed');
      return 'accepted';
    }
    switch (message.value.kind) {
      case 'echo-request':
        this.#answer(now, packet, message.value);
        return 'accepted';
      case 'error':
        this.#reports.input(now, message.value);
        return 'accepted';
      case 'echo-reply':
      case 'other':
        this.user?.input(now, packet);
        return 'accepted';
      default:
        return assertNever(message.value);
    }
  }

  icmpError(now: Instant, report: IcmpErrorReport): void {
    this.user?.icmpError?.(now, report);
  }

  pathChanged(now: Instant, local: Address | undefined, remote: Address | undefined): void {
    this.user?.pathChanged?.(now, local, remote);
  }

  /** RFC 4443 4.2: from the address that was asked, or from one of ours where that was multicast. */
  #answer(now: Instant, packet: ReceivedPacket, request: Icmpv6Echo): void {
    const { source: destination } = packet;
    if (destination.isUnspecified || destination.isMulticast) return;
    const source = packet.destination.isMulticast ? this.#context.selectSource(destination) : packet.destination;
    if (source === undefined) return;
    const reply: Icmpv6Echo = { ...request, kind: 'echo-reply' };
    const { buffer, start } = this.#context.egress.allocate(icmpv6Length(reply));
    const end = emitIcmpv6(reply, buffer, start);
    const protocol = PROTOCOL.icmpv6;
    const checksumOffset = ICMPV6_CHECKSUM;
    this.#output.send(now, { source, destination, protocol, buffer, start, end, checksumOffset });
  }
}

function hasGoodChecksum(packet: ReceivedPacket): boolean {
  if (packet.checksumValid) return true;
  const { bytes, start, end, source, destination, protocol } = packet;
  return checksumHolds(sumWords(bytes, start, end, pseudoHeaderSum(source, destination, protocol, end - start)));
}
