// What comes behind the chain: ICMPv6, the TCP header with its options, the Mobility Header with its options, and
// flow identification's sub-options.

import {
  type FlowSubOption,
  flowSubOptionBytes,
  parseFlowSubOptions,
} from '../../../stack/wire/flow-identification.ts';
import { emitIcmpv6, type Icmpv6Message, icmpv6Length, parseIcmpv6 } from '../../../stack/wire/icmpv6.ts';
import {
  emitMobilityHeader,
  type MobilityHeader,
  mobilityHeaderLength,
  parseMobilityHeader,
} from '../../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../../stack/wire/mobility-option.ts';
import { parseMobilityOptions } from '../../../stack/wire/mobility-option-codec.ts';
import { emitTcpHeader, parseTcpHeader, type TcpHeader, tcpHeaderLength } from '../../../stack/wire/tcp.ts';
import {
  emitTcpOptions,
  MAX_TCP_OPTIONS_LEN,
  parseTcpOptions,
  type TcpOptions,
  tcpOptionsLength,
} from '../../../stack/wire/tcp-option.ts';
import { ByteReader } from '../byte-reader.ts';
import { checkParser, type Format } from '../parser-law.ts';

const ICMPV6: Format<Icmpv6Message> = {
  name: 'ICMPv6',
  parse: parseIcmpv6,
  emitter: { length: icmpv6Length, emit: emitIcmpv6 },
};
const TCP: Format<TcpHeader> = {
  name: 'TCP header',
  parse: parseTcpHeader,
  emitter: { length: ({ options }) => tcpHeaderLength(options), emit: emitTcpHeader },
};
const TCP_OPTIONS: Format<TcpOptions> = {
  name: 'TCP options',
  parse: parseTcpOptions,
  emitter: { length: tcpOptionsLength, emit: emitTcpOptions },
  mayBeEmpty: true,
};
const MOBILITY: Format<MobilityHeader> = {
  name: 'Mobility Header',
  parse: parseMobilityHeader,
  emitter: {
    length: ({ message }) => mobilityHeaderLength(message),
    emit: ({ message }, into, at) => emitMobilityHeader(message, into, at),
  },
};
const MOBILITY_OPTIONS: Format<readonly MobilityOption[]> = {
  name: 'mobility options',
  parse: parseMobilityOptions,
  mayBeEmpty: true,
};
const FLOW: Format<readonly FlowSubOption[]> = {
  name: 'flow sub-options',
  parse: parseFlowSubOptions,
  emitter: {
    length: (list) => flowSubOptionBytes(list).length,
    emit: (list, into, at) => {
      const bytes = flowSubOptionBytes(list);
      into.set(bytes, at);
      return at + bytes.length;
    },
  },
  mayBeEmpty: true,
};

/** The first octet says which, so that one input is of one kind. */
export function fuzz(data: Uint8Array): void {
  const reader = new ByteReader(Uint8Array.from(data));
  const kind = reader.below(6);
  const bytes = reader.rest();
  if (kind === 0) checkParser(ICMPV6, bytes);
  else if (kind === 1) checkParser(TCP, bytes);
  else if (kind === 2) checkParser(TCP_OPTIONS, bytes.subarray(0, MAX_TCP_OPTIONS_LEN));
  else if (kind === 3) checkParser(MOBILITY, bytes);
  else if (kind === 4) checkParser(MOBILITY_OPTIONS, bytes);
  else checkParser(FLOW, bytes);
}
