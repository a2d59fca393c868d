// The IPv6 header, its extension headers and options, and the walk along the chain.

import { holdsWholeChain, walkHeaders } from '../../../stack/ipv6/chain.ts';
import { readAddress } from '../../../stack/wire/address.ts';
import {
  emitFragmentHeader,
  emitRoutingHeader,
  FRAGMENT_HEADER_LEN,
  type FragmentHeader,
  homeAddressOfRoutingHeader2,
  type OptionsHeader,
  parseFragmentHeader,
  parseOptionsHeader,
  parseRoutingHeader,
  type RoutingHeader,
} from '../../../stack/wire/extension-header.ts';
import { emitIpv6Header, IPV6_HEADER_LEN, type Ipv6Header, parseIpv6Header } from '../../../stack/wire/ipv6.ts';
import {
  emitOptionsHeader,
  homeAddressOf,
  type Ipv6Option,
  optionsHeaderLength,
  parseOptions,
} from '../../../stack/wire/option.ts';
import { law } from '../law.ts';
import { checkParser, type Format } from '../parser-law.ts';

const IPV6: Format<Ipv6Header> = {
  name: 'IPv6 header',
  parse: (bytes, start, end) => parseIpv6Header(bytes.subarray(0, end), start),
  emitter: { length: () => IPV6_HEADER_LEN, emit: emitIpv6Header },
};
const FRAGMENT: Format<FragmentHeader> = {
  name: 'Fragment header',
  parse: parseFragmentHeader,
  emitter: { length: () => FRAGMENT_HEADER_LEN, emit: emitFragmentHeader },
};
const ROUTING: Format<RoutingHeader> = {
  name: 'Routing header',
  parse: parseRoutingHeader,
  emitter: { length: ({ data }) => 4 + data.length, emit: emitRoutingHeader },
};
const OPTIONS_HEADER: Format<OptionsHeader> = {
  name: 'options header',
  parse: parseOptionsHeader,
  emitter: {
    length: ({ options }) => optionsHeaderLength(options),
    emit: ({ nextHeader, options }, into, at) => emitOptionsHeader(nextHeader, options, into, at),
  },
};
const OPTIONS: Format<readonly Ipv6Option[]> = { name: 'options', parse: parseOptions, mayBeEmpty: true };

export function fuzz(data: Uint8Array): void {
  const bytes = Uint8Array.from(data);
  checkParser(IPV6, bytes);
  checkParser(FRAGMENT, bytes);
  const routing = checkParser(ROUTING, bytes);
  if (routing.ok) homeAddressOfRoutingHeader2(routing.value);
  const header = checkParser(OPTIONS_HEADER, bytes);
  const options = checkParser(OPTIONS, bytes);
  for (const list of [header.ok ? header.value.options : [], options.ok ? options.value : []]) {
    for (const option of list) homeAddressOf(option);
  }
  if (bytes.length >= IPV6_HEADER_LEN) {
    law(walkHeaders(bytes, bytes.length).start <= bytes.length, 'the chain leads out of the packet');
    holdsWholeChain(bytes, bytes.length);
  }
  const text = readAddress(bytes, 0).toString();
  law(text.length >= 2 && text.length <= 39, () => `an address of ${text.length} characters`);
}
