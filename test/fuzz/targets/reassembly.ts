// Fragments of packets whose octets are known, in any order, twice, overlapping, lying: what comes out whole is the
// original or nothing, and what waits stays within its bounds (RFC 8200 4.5, RFC 5722).

import { after, EPOCH, type Instant, milliseconds, seconds } from '../../../stack/core/time.ts';
import { TimerQueue } from '../../../stack/core/timer-queue.ts';
import { MAX_REASSEMBLIES, MAX_REASSEMBLY_OCTETS, Reassembly } from '../../../stack/ipv6/reassembly.ts';
import { address } from '../../../stack/wire/address.ts';
import { emitFragmentHeader, FRAGMENT_HEADER_LEN, parseFragmentHeader } from '../../../stack/wire/extension-header.ts';
import { emitIpv6Header, IPV6_FIELD, IPV6_HEADER_LEN, PROTOCOL, parseIpv6Header } from '../../../stack/wire/ipv6.ts';
import { ByteReader } from '../byte-reader.ts';
import { law } from '../law.ts';
import { octetsAt, strays } from '../segment-maker.ts';

const SOURCES = [address('2001:db8:1::1'), address('2001:db8:1::2')] as const;
const DESTINATION = address('2001:db8:2::1');
const MAX_FRAGMENTS = 200;
/** RFC 8200 4.5. */
const LIFETIME = seconds(60);

export function fuzz(data: Uint8Array): void {
  const reader = new ByteReader(Uint8Array.from(data));
  const timers = new TimerQueue();
  const reassembly = new Reassembly(timers, () => {});
  let now: Instant = EPOCH;
  for (let n = 0; n < MAX_FRAGMENTS && !reader.done; n++) {
    const lies = reader.u8() > 250;
    const length = reader.below(4) * 8 + (reader.u8() > 200 ? reader.below(8) : 0);
    const offset = 8 * (reader.u8() > 250 ? reader.u16() % 8192 : reader.below(24));
    const header = { nextHeader: PROTOCOL.tcp, offset, more: reader.flag(), id: reader.below(4) };
    const packet = fragment(reader.pick(SOURCES), header, lies, length);
    const ip = parseIpv6Header(packet);
    const parsedHeader = parseFragmentHeader(packet, IPV6_HEADER_LEN);
    if (!ip.ok || !parsedHeader.ok) throw new Error('the target made a bad fragment');
    const result = reassembly.add(now, {
      ...{ ip: ip.value, header: parsedHeader.value, packet },
      ...{ at: IPV6_HEADER_LEN, nextHeaderAt: IPV6_FIELD.nextHeader },
    });
    if (lies) return; // one lie, and what comes out may be anything: that it does not throw was all
    if (result !== undefined && 'packet' in result) checkWhole(result.packet, header.id);
    const { packets, octets } = reassembly.size;
    law(packets <= MAX_REASSEMBLIES && octets <= MAX_REASSEMBLY_OCTETS, () => `${packets} packets, ${octets} octets`);
    if (reader.u8() > 240) {
      now = after(now, milliseconds(reader.below(256) * 300));
      timers.runDue(now);
    }
  }
  timers.runDue(after(now, LIFETIME));
  law(reassembly.size.packets === 0 && reassembly.size.octets === 0, 'an assembly outlives its time');
}

function fragment(
  source: (typeof SOURCES)[number],
  header: Parameters<typeof emitFragmentHeader>[0],
  lies: boolean,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(IPV6_HEADER_LEN + FRAGMENT_HEADER_LEN + length);
  const ip = { trafficClass: 0, flowLabel: 0, nextHeader: PROTOCOL.fragment, hopLimit: 64, source };
  const payloadLength = FRAGMENT_HEADER_LEN + length;
  const at = emitIpv6Header({ ...ip, payloadLength, destination: DESTINATION }, bytes, 0);
  bytes.set(octetsAt(header.id + (lies ? 100 : 0), header.offset, length), emitFragmentHeader(header, bytes, at));
  return bytes;
}

function checkWhole(packet: Uint8Array, id: number): void {
  const ip = parseIpv6Header(packet);
  law(ip.ok && ip.value.nextHeader === PROTOCOL.tcp, 'the whole has another header');
  law(ip.value.payloadLength === packet.length - IPV6_HEADER_LEN, 'the whole has another length');
  law(strays(id, 0, packet.subarray(IPV6_HEADER_LEN)) === undefined, 'the whole has other octets');
}
