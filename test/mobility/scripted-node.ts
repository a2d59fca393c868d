// A mobile node as a script, for tests of a correspondent: does what RFC 6275 asks of one, byte by byte, with
// node:crypto and no code of stack/mobility, and can be told to do it wrong.

import { createHash, createHmac } from 'node:crypto';
import { setU16 } from '../../stack/core/bytes.ts';
import type { Address } from '../../stack/wire/address.ts';
import type { BindingUpdate } from '../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import { echoRequest, mobilityBytes, mobilityPacket, type Seen } from './packets.ts';
import { type TestHost, theMessage } from './support.ts';

export const COOKIE = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);

export interface Token {
  readonly token: Uint8Array;
  readonly nonceIndex: number;
}

export interface UpdateParts {
  readonly sequence: number;
  /** In units of 4 s. */
  readonly lifetime?: number;
  readonly acknowledge?: boolean;
  readonly homeRegistration?: boolean;
  /** Absent: the care-of address. */
  readonly source?: Address;
  /** Absent: the home address, unless the source is it. null: none. */
  readonly option?: Address | null;
  readonly alternate?: Address;
  readonly tokens?: { readonly home: Token; readonly careOf?: Token };
  /** Changes the options before they are signed. */
  readonly options?: (usual: MobilityOption[]) => MobilityOption[];
  /** The bits of the flags field behind A, H, L and K. */
  readonly otherFlags?: number;
  /** Changes the message before it is signed. */
  readonly change?: (bytes: Uint8Array) => void;
  /** Changes the signed message. */
  readonly spoil?: (bytes: Uint8Array) => void;
}

/** What a Binding Acknowledgement should be; absent fields: as for an update that is accepted. */
export interface ExpectedAcknowledgement {
  readonly sequence: number;
  readonly status?: number;
  readonly lifetime?: number;
  /** Absent: the care-of address. The home address gets no routing header. */
  readonly to?: Address;
  /** Has no Binding Authorization Data. */
  readonly unsigned?: boolean;
}

/** First (96, HMAC_SHA1 (Kbm, care-of address | correspondent | MH data)), by RFC 6275 6.2.7. */
export function authenticator(kbm: Uint8Array, careOf: Address, correspondent: Address, mh: Uint8Array): Uint8Array {
  const data = mh.slice(0, mh.length - 12);
  setU16(data, 4, 0);
  const mac = createHmac('sha1', kbm).update(careOf.toBytes()).update(correspondent.toBytes()).update(data);
  return new Uint8Array(mac.digest()).subarray(0, 12);
}

export const managementKey = (home: Uint8Array, careOf: Uint8Array = new Uint8Array(0)): Uint8Array =>
  new Uint8Array(createHash('sha1').update(home).update(careOf).digest());

export class ScriptedNode {
  readonly host: TestHost;
  readonly correspondent: Address;
  readonly home: Address;
  careOf: Address;
  homeToken: Token | undefined;
  careOfToken: Token | undefined;
  /** Of the last update. */
  kbm: Uint8Array = new Uint8Array(0);
  /** The care-of address that the last update was signed for. */
  signedFor: Address;

  constructor(host: TestHost, correspondent: Address, home: Address, careOf: Address) {
    this.host = host;
    this.correspondent = correspondent;
    this.home = home;
    this.careOf = careOf;
    this.signedFor = careOf;
  }

  homeTest(): Token {
    const init = { kind: 'home-test-init', cookie: COOKIE, options: [] } as const;
    const sent = this.host.give(mobilityPacket({ source: this.home, destination: this.correspondent }, init));
    const { nonceIndex, token } = theMessage(sent, 'home-test').message;
    this.homeToken = { nonceIndex, token };
    return this.homeToken;
  }

  careOfTest(source: Address = this.careOf): Token {
    const init = { kind: 'care-of-test-init', cookie: COOKIE, options: [] } as const;
    const sent = this.host.give(mobilityPacket({ source, destination: this.correspondent }, init));
    const { nonceIndex, token } = theMessage(sent, 'care-of-test').message;
    this.careOfToken = { nonceIndex, token };
    return this.careOfToken;
  }

  tests(): void {
    this.homeTest();
    this.careOfTest();
  }

  /** Sends a Binding Update and returns what the host sends. */
  update(parts: UpdateParts): Seen[] {
    return this.host.give(this.updatePacket(parts));
  }

  updatePacket(parts: UpdateParts): Uint8Array {
    const { sequence, lifetime = 105, acknowledge = true, source = this.careOf } = parts;
    const home = parts.tokens?.home ?? this.homeToken;
    const careOf = parts.tokens === undefined ? this.careOfToken : parts.tokens.careOf;
    if (home === undefined) throw new Error('no home token');
    const usual: MobilityOption[] = [
      ...(parts.alternate ? [{ kind: 'alternate-care-of', address: parts.alternate } as const] : []),
      { kind: 'nonce-indices', home: home.nonceIndex, careOf: careOf?.nonceIndex ?? 0 },
      { kind: 'binding-authorization-data', authenticator: new Uint8Array(12) },
    ];
    const message: BindingUpdate = {
      kind: 'binding-update',
      sequence,
      acknowledge,
      home: parts.homeRegistration ?? false,
      linkLocal: false,
      keyManagement: false,
      ...(parts.otherFlags !== undefined && { otherFlags: parts.otherFlags }),
      lifetime,
      options: parts.options?.(usual) ?? usual,
    };
    const bytes = mobilityBytes(message);
    this.kbm = lifetime === 0 ? managementKey(home.token) : managementKey(home.token, careOf?.token);
    this.signedFor = parts.alternate ?? source;
    parts.change?.(bytes);
    if (message.options.at(-1)?.kind === 'binding-authorization-data') {
      bytes.set(authenticator(this.kbm, this.signedFor, this.correspondent, bytes), bytes.length - 12);
    }
    parts.spoil?.(bytes);
    const option = parts.option === undefined && !source.equals(this.home) ? this.home : parts.option;
    return mobilityPacket({ source, destination: this.correspondent, ...(option && { home: option }) }, bytes);
  }

  /** The packet that has to answer the last update, to the last octet. */
  acknowledgement(expected: ExpectedAcknowledgement): Uint8Array {
    const { sequence, status = 0, lifetime = status === 0 ? 105 : 0, to = this.careOf } = expected;
    const signed = expected.unsigned !== true;
    const options: MobilityOption[] = signed
      ? [{ kind: 'binding-authorization-data', authenticator: new Uint8Array(12) }]
      : [];
    const bytes = mobilityBytes({
      kind: 'binding-acknowledgement',
      status,
      keyManagement: false,
      sequence,
      lifetime,
      options,
    });
    if (signed) bytes.set(authenticator(this.kbm, this.signedFor, this.correspondent, bytes), bytes.length - 12);
    const route = to.equals(this.home) ? {} : { route: this.home };
    return mobilityPacket({ source: this.correspondent, destination: to, ...route }, bytes);
  }

  /** Does the acknowledgement among these packets bear an authenticator that verifies under the last key? */
  acknowledgementVerifies(packets: readonly Seen[], careOf: Address = this.careOf): boolean {
    const { packet, message } = theMessage(packets, 'binding-acknowledgement');
    if (message.options.at(-1)?.kind !== 'binding-authorization-data') return false;
    const mh = packet.bytes.subarray(packet.start);
    return Buffer.from(authenticator(this.kbm, careOf, this.correspondent, mh)).equals(mh.subarray(mh.length - 12));
  }

  /** An echo request from the care-of address with the Home Address option. */
  echo(): Seen[] {
    const way = { source: this.careOf, destination: this.correspondent, home: this.home };
    return this.host.give(echoRequest(way));
  }

  /** An echo request straight from the home address. */
  echoFromHome(): Seen[] {
    return this.host.give(echoRequest({ source: this.home, destination: this.correspondent }));
  }
}
