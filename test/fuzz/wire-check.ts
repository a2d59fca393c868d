// What any node of ours puts on a wire: whole IPv6 packets, in length, in their chain and in their checksum.

import { checksumHolds, sumWords } from '../../stack/core/checksum.ts';
import { walkHeaders } from '../../stack/ipv6/chain.ts';
import { IPV6_HEADER_LEN, PROTOCOL, parseIpv6Header, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { law } from './law.ts';

const CHECKED: readonly number[] = [PROTOCOL.tcp, PROTOCOL.icmpv6, PROTOCOL.mobility];

/** `relayed`: made by somebody else, only sent on: its upper layer is none of our making. */
export function checkPacket(bytes: Uint8Array, mtu: number, relayed = false): void {
  law(bytes.length <= mtu, () => `a packet of ${bytes.length} octets on a link of ${mtu}`);
  const header = parseIpv6Header(bytes);
  law(header.ok, () => `what leaves is no packet: ${header.ok ? '' : header.reason}`);
  const { payloadLength, source, destination } = header.value;
  law(payloadLength + IPV6_HEADER_LEN === bytes.length, () => `a payload length of ${payloadLength}`);
  law(!source.isMulticast, 'a multicast source');
  if (relayed) return;
  const chain = walkHeaders(bytes, bytes.length);
  law(chain.complete, () => `a chain that breaks off at protocol ${chain.protocol}`);
  if (!CHECKED.includes(chain.protocol) || isFragment(bytes)) return;
  const to = chain.routed?.address ?? destination;
  const length = bytes.length - chain.start;
  const pseudo = pseudoHeaderSum(chain.home ?? source, to, chain.protocol, length);
  law(checksumHolds(sumWords(bytes, chain.start, bytes.length, pseudo)), `a bad checksum, protocol ${chain.protocol}`);
}

const isFragment = (bytes: Uint8Array): boolean => bytes[6] === PROTOCOL.fragment;
