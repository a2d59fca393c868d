// Which status an update gets that is wrong in several ways: RFC 6275 9.5.1 and 10.3.1 with RFC 4285 and RFC 5648, the
// key first, so that nobody without it learns anything. Of 128 to 139 the others are not a home agent's to give here: there
// is a place for each member from the start (130), no link to detect duplicates on (134), no nonces (136 to 138), and
// a home registration is what is asked for (131).

import { expect, test } from 'vitest';
import { HomeAgent } from '../../stack/mobility/home-agent.ts';
import { type Address, address, prefix } from '../../stack/wire/address.ts';
import { BINDING_STATUS, type BindingUpdate } from '../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import { mobilityPacket } from './packets.ts';
import { signed, unsigned } from './scripted-home-agent.ts';
import { ntp, TestHost, theMessage } from './support.ts';

const SELF = address('2001:db8:100::ff');
const GROUP = address('2001:db8:100::1');
const CARE_OF = address('2001:db8:a::1');
const KEY = new Uint8Array(20).fill(3);
const SPI = 1001;

interface Parts {
  readonly key: Uint8Array;
  readonly timestamp: 'none' | 'old' | 'fresh';
  /** A correspondent on the same host has a binding of the home address. */
  readonly isCorrespondents: boolean;
  readonly home: Address;
  readonly careOf: Address;
  readonly bid: number;
  readonly sequence: number;
}

class Scene {
  readonly host = new TestHost(SELF, { seed: 8, forwarding: true });
  #isCorrespondents = false;
  #ticks = 0n;

  constructor() {
    new HomeAgent(this.host.environment, this.host.dispatch, {
      address: SELF,
      homePrefixes: [prefix('2001:db8:100::/64')],
      associations: [1, 2].map((bid) => ({ home: GROUP, bid, spi: 1000 + bid, key: KEY })),
    });
    this.host.dispatch.onCorrespondentBinding(() => this.#isCorrespondents);
  }

  /** The status of the answer. */
  update(parts: Parts): number {
    const { key, timestamp, home, careOf, bid, sequence } = parts;
    this.#isCorrespondents = parts.isCorrespondents;
    this.#ticks += 1n;
    const at = ntp(this.host.now, timestamp === 'old' ? -60 : 0) + this.#ticks;
    const options: MobilityOption[] = [
      { kind: 'binding-identifier', bid, status: 0, simultaneous: false, priority: 1 },
      ...(timestamp === 'none' ? [] : [{ kind: 'replay-protection', timestamp: at } as const]),
      unsigned(SPI),
    ];
    const flags = { acknowledge: true, home: true, linkLocal: false, keyManagement: false };
    const message: BindingUpdate = { kind: 'binding-update', sequence, ...flags, lifetime: 105, options };
    const bytes = mobilityPacket({ source: careOf, destination: SELF, home }, signed(message, key, careOf, home));
    return theMessage(this.host.give(bytes), 'binding-acknowledgement').message.status;
  }
}

const RIGHT: Parts = {
  key: KEY,
  timestamp: 'fresh',
  isCorrespondents: false,
  home: GROUP,
  careOf: CARE_OF,
  bid: 1,
  sequence: 16,
};
const WRONG: Parts = {
  key: new Uint8Array(20),
  timestamp: 'none',
  isCorrespondents: true,
  home: address('2001:db8:200::1'),
  careOf: address('2001:db8:100::9'),
  bid: 2,
  sequence: 15,
};

/** What is put right, one after the other, and the status before it. */
const STEPS: readonly [number, Partial<Parts>][] = [
  [BINDING_STATUS.authenticationFailed, { key: RIGHT.key }],
  [BINDING_STATUS.replayProtectionRequired, { timestamp: 'old' }],
  [BINDING_STATUS.replayMismatch, { timestamp: RIGHT.timestamp }],
  [BINDING_STATUS.registrationTypeChange, { isCorrespondents: RIGHT.isCorrespondents }],
  [BINDING_STATUS.notHomeSubnet, { home: address('2001:db8:100::77') }],
  [BINDING_STATUS.invalidCareOf, { careOf: RIGHT.careOf }],
  [BINDING_STATUS.prohibited, { home: RIGHT.home }], // not the key's
  [BINDING_STATUS.prohibited, { bid: 0 }], // another member's identifier
  [BINDING_STATUS.bindingIdentifierMalformed, { bid: RIGHT.bid }],
  [BINDING_STATUS.sequenceOutOfWindow, { sequence: RIGHT.sequence }],
  [BINDING_STATUS.accepted, {}],
];

test('everything is wrong, and put right one thing after the other: the statuses in their order', () => {
  const scene = new Scene();
  expect(scene.update({ ...RIGHT, sequence: 15 })).toBe(0);
  let parts = WRONG;
  const statuses = STEPS.map(([, right]) => {
    const status = scene.update(parts);
    parts = { ...parts, ...right };
    return status;
  });
  expect(statuses).toEqual([146, 145, 144, 139, 132, 174, 129, 129, 164, 135, 0]);
  expect(statuses).toEqual(STEPS.map(([status]) => status));
});

test.each([
  [146, { key: WRONG.key }],
  [145, { timestamp: 'none' }],
  [144, { timestamp: 'old' }],
  [139, { isCorrespondents: true }],
  [132, { home: WRONG.home }],
  [174, { careOf: WRONG.careOf }],
  [129, { home: address('2001:db8:100::77') }],
  [129, { bid: 2 }],
  [164, { bid: 0 }],
  [135, { sequence: 15 }],
] as const)('%i for one thing alone, and the registration stays as it was: %j', (status, wrong) => {
  const scene = new Scene();
  expect(scene.update({ ...RIGHT, sequence: 15 })).toBe(0);
  expect(scene.update({ ...RIGHT, ...wrong })).toBe(status);
  expect(scene.update(RIGHT)).toBe(0);
});
