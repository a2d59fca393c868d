// What the conformance cases expect: whole packets, compared octet for octet with their checksums (but for the
// flow label), and nothing beside them. What a test expects is built by test/mobility/packets.ts, never by stack/mobility.

import { expect } from 'vitest';
import type { Address } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import { echoReply, icmpPacket, mobilityPacket, octets, type Seen } from '../mobility/packets.ts';
import type { ExpectedAcknowledgement, ScriptedNode } from '../mobility/scripted-node.ts';
import { theMessage } from '../mobility/support.ts';

/** These packets, in this order, and no others. */
export function expectPackets(sent: readonly Seen[], ...expected: readonly Uint8Array[]): void {
  expect(sent.map(({ bytes }) => octets(bytes))).toEqual(expected.map(octets));
}

export const expectSilence = (sent: readonly Seen[]): void => expectPackets(sent);

/** Binding Error (RFC 6275 6.1.9), always straight to `to`. */
export function expectBindingError(
  sent: readonly Seen[],
  error: { readonly from: Address; readonly to: Address; readonly status: number; readonly home: Address },
): void {
  const { from: source, to: destination, status, home } = error;
  expectPackets(sent, mobilityPacket({ source, destination }, { kind: 'binding-error', status, home, options: [] }));
}

/** Parameter Problem code 0 (RFC 4443 3.4) that quotes `offending`, straight to `to`. */
export function expectParameterProblem(
  sent: readonly Seen[],
  problem: { readonly from: Address; readonly to: Address; readonly pointer: number; readonly offending: Uint8Array },
): void {
  const { from: source, to: destination, pointer: parameter, offending: quoted } = problem;
  const error = { kind: 'error', type: ICMPV6.parameterProblem, code: 0, parameter, quoted } as const;
  expectPackets(sent, icmpPacket({ source, destination }, error));
}

/** One HoT or CoT with this cookie, straight to `to`. Its token and nonce index are whatever they are. */
export function expectTest(
  sent: readonly Seen[],
  kind: 'home-test' | 'care-of-test',
  test: { readonly from: Address; readonly to: Address; readonly cookie: Uint8Array },
): { readonly token: Uint8Array; readonly nonceIndex: number } {
  const { nonceIndex, token } = theMessage(sent, kind).message;
  const { from: source, to: destination, cookie } = test;
  expectPackets(sent, mobilityPacket({ source, destination }, { kind, nonceIndex, cookie, token, options: [] }));
  return { nonceIndex, token };
}

/** The answer to the node's last update. */
export const expectAcknowledgement = (
  node: ScriptedNode,
  sent: readonly Seen[],
  expected: ExpectedAcknowledgement,
): void => expectPackets(sent, node.acknowledgement(expected));

/** The node's packets with the Home Address option are taken, and answered by routing header. */
export function expectBound(node: ScriptedNode): void {
  const way = { source: node.correspondent, destination: node.careOf, route: node.home };
  expectPackets(node.echo(), echoReply(way));
}

/** What comes from the home address is answered to `careOf` by routing header. */
export function expectRouted(node: ScriptedNode, careOf: Address = node.careOf): void {
  const way = { source: node.correspondent, destination: careOf, route: node.home };
  expectPackets(node.echoFromHome(), echoReply(way));
}

/** The node's Home Address option gets Binding Error 1. */
export function expectNotBound(node: ScriptedNode): void {
  const { correspondent: from, careOf: to, home } = node;
  expectBindingError(node.echo(), { from, to, status: 1, home });
}

/** What comes from the home address is answered there, without routing header. */
export function expectAtHome(node: ScriptedNode): void {
  expectPackets(node.echoFromHome(), echoReply({ source: node.correspondent, destination: node.home }));
}
