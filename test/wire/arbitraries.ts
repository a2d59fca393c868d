// fast-check arbitraries of every wire format, for round trips here and for whoever needs packets of a kind.
// All values are in canonical form: what a parser gives back for them is deeply equal to what went in.

import fc from 'fast-check';
import { Address, Prefix } from '../../stack/wire/address.ts';
import type { FragmentHeader, RoutingHeaderFields } from '../../stack/wire/extension-header.ts';
import type { FlowSubOption, Ipv6TrafficSelector, SelectorRange } from '../../stack/wire/flow-identification.ts';
import type { Icmpv6Message } from '../../stack/wire/icmpv6.ts';
import type { Ipv6Header } from '../../stack/wire/ipv6.ts';
import type { MobilityMessage } from '../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import { type Seq, seq } from '../../stack/wire/seq.ts';
import type { TcpHeaderFields } from '../../stack/wire/tcp.ts';
import { MAX_TCP_OPTIONS_LEN, type TcpOptions, tcpOptionsLength } from '../../stack/wire/tcp-option.ts';

/** Every property test runs with this: fast-check prints the seed and path of a counterexample. */
export const RUNS = { seed: 0x686f6d65, numRuns: 300 } as const;

export const u8s = fc.integer({ min: 0, max: 0xff });
export const u16s = fc.integer({ min: 0, max: 0xffff });
export const u32s = fc.integer({ min: 0, max: 0xffffffff });
export const u64s = fc.bigInt({ min: 0n, max: 0xffffffffffffffffn });
export const seqs: fc.Arbitrary<Seq> = u32s.map(seq);

export const octets = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });

export const addresses: fc.Arbitrary<Address> = fc.oneof(
  fc.tuple(u32s, u32s, u32s, u32s).map(([a, b, c, d]) => new Address(a, b, c, d)),
  fc.tuple(fc.constantFrom(0, 0x20010db8, 0xfe800000, 0xff020000), u16s).map(([a, d]) => new Address(a, 0, 0, d)),
);

export const prefixes: fc.Arbitrary<Prefix> = fc
  .tuple(addresses, fc.integer({ min: 0, max: 128 }))
  .map(([base, length]) => new Prefix(base, length));

export const ipv6Headers: fc.Arbitrary<Ipv6Header> = fc.record({
  trafficClass: u8s,
  flowLabel: fc.integer({ min: 0, max: 0xfffff }),
  payloadLength: u16s,
  nextHeader: u8s,
  hopLimit: u8s,
  source: addresses,
  destination: addresses,
});

export const fragmentHeaders: fc.Arbitrary<FragmentHeader> = fc.record({
  nextHeader: u8s,
  offset: fc.integer({ min: 0, max: 0x1fff }).map((units) => units * 8),
  more: fc.boolean(),
  id: u32s,
});

export const routingHeaders: fc.Arbitrary<RoutingHeaderFields> = fc.record({
  nextHeader: u8s,
  type: u8s,
  segmentsLeft: u8s,
  data: fc.integer({ min: 0, max: 12 }).chain((units) => octets(4 + 8 * units)),
});

/** Options other than padding, of any type. */
export const ipv6Options = fc.array(fc.record({ type: fc.integer({ min: 2, max: 255 }), data: octets(0, 24) }), {
  maxLength: 6,
});

export const icmpv6Messages: fc.Arbitrary<Icmpv6Message> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('echo-request' as const, 'echo-reply' as const),
    identifier: u16s,
    sequence: u16s,
    data: octets(0, 64),
  }),
  fc.record({
    kind: fc.constant('error' as const),
    type: fc.integer({ min: 0, max: 127 }),
    code: u8s,
    parameter: u32s,
    quoted: octets(0, 64),
  }),
  fc.record({
    kind: fc.constant('other' as const),
    type: fc.integer({ min: 130, max: 255 }),
    code: u8s,
    body: octets(0, 64),
  }),
);

const KNOWN_TCP_OPTIONS = new Set([0, 1, 2, 3, 4, 5, 8, 28, 34]);

export const tcpOptions: fc.Arbitrary<TcpOptions> = fc
  .record(
    {
      mss: u16s,
      windowScale: u8s,
      sackPermitted: fc.constant(true),
      sack: fc.array(fc.record({ left: seqs, right: seqs }), { minLength: 1, maxLength: 4 }),
      timestamp: fc.record({ value: u32s, echo: u32s }),
      userTimeout: fc.record({
        granularity: fc.constantFrom('seconds' as const, 'minutes' as const),
        value: fc.integer({ min: 0, max: 0x7fff }),
      }),
      fastOpenCookie: octets(0, 16),
      unknown: fc.array(fc.record({ kind: u8s.filter((kind) => !KNOWN_TCP_OPTIONS.has(kind)), data: octets(0, 6) }), {
        minLength: 1,
        maxLength: 3,
      }),
    },
    { requiredKeys: [] },
  )
  .filter((options) => tcpOptionsLength(options) <= MAX_TCP_OPTIONS_LEN);

export const tcpHeaders: fc.Arbitrary<Required<TcpHeaderFields>> = fc.record({
  sourcePort: u16s,
  destinationPort: u16s,
  seq: seqs,
  ack: seqs,
  flags: u8s,
  window: u16s,
  checksum: u16s,
  urgentPointer: u16s,
  options: tcpOptions,
});

const rangeOf = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<SelectorRange<T>> =>
  fc.record({ first: values, last: values }, { requiredKeys: ['first'] });

export const trafficSelectors: fc.Arbitrary<Ipv6TrafficSelector> = fc.record(
  {
    source: rangeOf(addresses),
    destination: rangeOf(addresses),
    spi: rangeOf(u32s),
    flowLabel: rangeOf(u32s),
    sourcePort: rangeOf(u16s),
    destinationPort: rangeOf(u16s),
    trafficClass: rangeOf(u8s),
    nextHeader: rangeOf(u8s),
  },
  { requiredKeys: [] },
);

export const flowSubOptions: fc.Arbitrary<FlowSubOption> = fc.oneof(
  fc.record({
    kind: fc.constant('binding-reference' as const),
    bids: fc.array(u16s, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('traffic-selector' as const), selector: trafficSelectors }),
  fc.record({ kind: fc.constant('unknown' as const), type: fc.integer({ min: 4, max: 255 }), data: octets(0, 9) }),
);

const KNOWN_MOBILITY_OPTIONS = new Set([0, 1, 2, 3, 4, 5, 8, 9, 10, 35, 44, 45]);

/** As their maker writes them: without the `at` that a parser adds. */
export const mobilityOptions: fc.Arbitrary<MobilityOption> = fc.oneof(
  fc.record({ kind: fc.constant('refresh-advice' as const), interval: u16s }),
  fc.record({ kind: fc.constant('alternate-care-of' as const), address: addresses }),
  fc.record({ kind: fc.constant('nonce-indices' as const), home: u16s, careOf: u16s }),
  fc.record({ kind: fc.constant('binding-authorization-data' as const), authenticator: octets(12) }),
  fc.record({ kind: fc.constant('mn-identifier' as const), subtype: u8s, identifier: octets(1, 20) }),
  fc.record({ kind: fc.constant('authentication' as const), subtype: u8s, spi: u32s, authenticator: octets(1, 32) }),
  fc.record({ kind: fc.constant('replay-protection' as const), timestamp: u64s }),
  fc.record(
    {
      kind: fc.constant('binding-identifier' as const),
      bid: u16s,
      status: u8s,
      simultaneous: fc.boolean(),
      priority: fc.integer({ min: 0, max: 127 }),
      careOf: addresses,
    },
    { requiredKeys: ['kind', 'bid', 'status', 'simultaneous', 'priority'] },
  ),
  fc
    .record({
      kind: fc.constant('flow-identification' as const),
      fid: u16s,
      priority: u16s,
      status: u8s,
      subOptions: fc.array(flowSubOptions, { maxLength: 2 }),
    })
    .filter(
      (option) => option.subOptions.length < 2 || option.subOptions.some((sub) => sub.kind !== 'traffic-selector'),
    ),
  fc.record({ kind: fc.constant('flow-summary' as const), fids: fc.array(u16s, { minLength: 1, maxLength: 5 }) }),
  fc.record({
    kind: fc.constant('unknown' as const),
    type: u8s.filter((type) => !KNOWN_MOBILITY_OPTIONS.has(type)),
    data: octets(0, 20),
  }),
);

const optionLists = fc.array(mobilityOptions, { maxLength: 4 });
const flagBits = (mask: number) => fc.integer({ min: 1, max: mask });

export const mobilityMessages: fc.Arbitrary<MobilityMessage> = fc.oneof(
  fc.record({ kind: fc.constant('binding-refresh-request' as const), options: optionLists }),
  fc.record({
    kind: fc.constantFrom('home-test-init' as const, 'care-of-test-init' as const),
    cookie: octets(8),
    options: optionLists,
  }),
  fc.record({
    kind: fc.constantFrom('home-test' as const, 'care-of-test' as const),
    nonceIndex: u16s,
    cookie: octets(8),
    token: octets(8),
    options: optionLists,
  }),
  fc.record(
    {
      kind: fc.constant('binding-update' as const),
      sequence: u16s,
      acknowledge: fc.boolean(),
      home: fc.boolean(),
      linkLocal: fc.boolean(),
      keyManagement: fc.boolean(),
      otherFlags: flagBits(0x0fff),
      lifetime: u16s,
      options: optionLists,
    },
    {
      requiredKeys: ['kind', 'sequence', 'acknowledge', 'home', 'linkLocal', 'keyManagement', 'lifetime', 'options'],
    },
  ),
  fc.record(
    {
      kind: fc.constant('binding-acknowledgement' as const),
      status: u8s,
      keyManagement: fc.boolean(),
      otherFlags: flagBits(0x7f),
      sequence: u16s,
      lifetime: u16s,
      options: optionLists,
    },
    { requiredKeys: ['kind', 'status', 'keyManagement', 'sequence', 'lifetime', 'options'] },
  ),
  fc.record({ kind: fc.constant('binding-error' as const), status: u8s, home: addresses, options: optionLists }),
  fc.record({
    kind: fc.constant('unknown' as const),
    type: fc.integer({ min: 8, max: 255 }),
    body: fc.integer({ min: 0, max: 6 }).chain((units) => octets(2 + 8 * units)),
    options: fc.constant([]),
  }),
);
