// What a peer can send: random octets, cut messages, messages with octets changed. Every parser answers with a
// value or a reason, in bounds, without a throw; a loop without progress would run into the test's timeout.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Parsed } from '../../stack/core/parsed.ts';
import { readAddress } from '../../stack/wire/address.ts';
import {
  emitFragmentHeader,
  emitRoutingHeader,
  homeAddressOfRoutingHeader2,
  parseFragmentHeader,
  parseOptionsHeader,
  parseRoutingHeader,
} from '../../stack/wire/extension-header.ts';
import { flowSubOptionBytes, parseFlowSubOptions } from '../../stack/wire/flow-identification.ts';
import { emitIcmpv6, icmpv6Length, parseIcmpv6 } from '../../stack/wire/icmpv6.ts';
import { emitIpv6Header, parseIpv6Header } from '../../stack/wire/ipv6.ts';
import { emitMobilityHeader, mobilityHeaderLength, parseMobilityHeader } from '../../stack/wire/mobility.ts';
import { parseMobilityOptions } from '../../stack/wire/mobility-option-codec.ts';
import { emitOptionsHeader, homeAddressOf, parseOptions } from '../../stack/wire/option.ts';
import { emitTcpHeader, parseTcpHeader } from '../../stack/wire/tcp.ts';
import { parseTcpOptions } from '../../stack/wire/tcp-option.ts';
import {
  flowSubOptions,
  fragmentHeaders,
  icmpv6Messages,
  ipv6Headers,
  ipv6Options,
  mobilityMessages,
  octets,
  RUNS,
  routingHeaders,
  tcpHeaders,
} from './arbitraries.ts';

type Parser = (bytes: Uint8Array, start: number, end: number) => Parsed<unknown>;
type Emitter = (into: Uint8Array, at: number) => number;

/** The octets of one message, written by its emitter. */
function written(emit: Emitter): Uint8Array {
  const into = new Uint8Array(4096);
  return into.slice(0, emit(into, 0));
}

const FORMATS: readonly (readonly [string, Parser, fc.Arbitrary<Uint8Array>])[] = [
  [
    'IPv6 header',
    (bytes, start, end) => parseIpv6Header(bytes.subarray(0, end), start),
    ipv6Headers.map((header) => written((into, at) => emitIpv6Header(header, into, at))),
  ],
  [
    'fragment header',
    parseFragmentHeader,
    fragmentHeaders.map((header) => written((into, at) => emitFragmentHeader(header, into, at))),
  ],
  [
    'routing header',
    (bytes, start, end) => {
      const header = parseRoutingHeader(bytes, start, end);
      return header.ok ? { ...homeAddressOfRoutingHeader2(header.value), ...header } : header;
    },
    routingHeaders.map((header) => written((into, at) => emitRoutingHeader(header, into, at))),
  ],
  [
    'options header',
    (bytes, start, end) => {
      const header = parseOptionsHeader(bytes, start, end);
      if (header.ok) for (const option of header.value.options) homeAddressOf(option);
      return header;
    },
    ipv6Options.map((options) => written((into, at) => emitOptionsHeader(59, options, into, at))),
  ],
  ['options', parseOptions, octets(0, 64)],
  [
    'ICMPv6',
    parseIcmpv6,
    icmpv6Messages.map((message) =>
      written((into, at) => emitIcmpv6(message, into, at)).slice(0, icmpv6Length(message)),
    ),
  ],
  ['TCP header', parseTcpHeader, tcpHeaders.map((header) => written((into, at) => emitTcpHeader(header, into, at)))],
  ['TCP options', parseTcpOptions, octets(0, 40)],
  [
    'Mobility Header',
    parseMobilityHeader,
    mobilityMessages
      .filter((message) => mobilityHeaderLength(message) <= 2048)
      .map((message) => written((into, at) => emitMobilityHeader(message, into, at))),
  ],
  ['mobility options', parseMobilityOptions, octets(0, 64)],
  ['flow sub-options', parseFlowSubOptions, fc.array(flowSubOptions, { maxLength: 3 }).map(flowSubOptionBytes)],
];

/** The area to be parsed, inside a buffer whose other octets must not be taken for part of it. */
function inBounds(parse: Parser, area: Uint8Array, before: number): void {
  const bytes = new Uint8Array(before + area.length + 8).fill(0xff);
  bytes.set(area, before);
  const end = before + area.length;
  const result = parse(bytes, before, end);
  if (result.ok) {
    expect(result.end).toBeGreaterThanOrEqual(before);
    expect(result.end).toBeLessThanOrEqual(end);
  } else {
    expect(result.reason).not.toBe('');
    expect(result.pointer).toBeGreaterThanOrEqual(before);
    expect(result.pointer).toBeLessThanOrEqual(end);
  }
}

const offsets = fc.integer({ min: 0, max: 9 });

describe.each(FORMATS)('%s', (_name, parse, messages) => {
  test('random octets', () => {
    fc.assert(
      fc.property(octets(0, 120), offsets, (area, before) => inBounds(parse, area, before)),
      RUNS,
    );
  });

  test('a message cut at any octet', () => {
    fc.assert(
      fc.property(messages, fc.nat(), offsets, (message, cut, before) =>
        inBounds(parse, message.subarray(0, cut % (message.length + 1)), before),
      ),
      RUNS,
    );
  });

  test('a message with some octets changed', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(messages, changes, offsets, (message, changed, before) => {
        const area = Uint8Array.from(message);
        if (area.length > 0) for (const [at, octet] of changed) area[at % area.length] = octet;
        inBounds(parse, area, before);
      }),
      RUNS,
    );
  });

  test('what parses never reads an octet outside: other neighbours, same value', () => {
    fc.assert(
      fc.property(messages, fc.nat(), (message, cut) => {
        const area = message.subarray(0, cut % (message.length + 1));
        const ofZeros = new Uint8Array(area.length + 16);
        const ofOnes = new Uint8Array(area.length + 16).fill(0xff);
        ofZeros.set(area, 8);
        ofOnes.set(area, 8);
        expect(parse(ofOnes, 8, 8 + area.length)).toEqual(parse(ofZeros, 8, 8 + area.length));
      }),
      RUNS,
    );
  });
});

test('readAddress past the end gives zeros, as all reads do', () => {
  expect(readAddress(new Uint8Array(2), 1).isUnspecified).toBe(true);
});
