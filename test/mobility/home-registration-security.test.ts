// A mobile node whose home agent knows no RFC 4285: nothing of it is sent, and nothing of it is asked for.

import { expect, test } from 'vitest';
import type { Instant } from '../../stack/core/time.ts';
import { MobileNode } from '../../stack/mobility/mobile-node.ts';
import { address } from '../../stack/wire/address.ts';
import { mobilityPacket } from './packets.ts';
import { TestHost, theMessage } from './support.ts';

const HOME = address('2001:db8:100::1');
const HOME_AGENT = address('2001:db8:100::ff');
const CARE_OF = address('2001:db8:a::1');
const ASSOCIATION = { spi: 1001, key: new Uint8Array(20).fill(9) };

/** Registers; gives the options of the update, and what an acknowledgement without a signature does. */
function registerAndAcknowledge(association?: typeof ASSOCIATION) {
  const host = new TestHost(CARE_OF, { seed: 6 });
  const statuses: number[] = [];
  const config = { homeAddress: HOME, careOf: CARE_OF, homeAgent: HOME_AGENT };
  const homeRegistered = (_now: Instant, status: number): void => {
    statuses.push(status);
  };
  const secured = { ...config, ...(association && { association }) };
  const node = new MobileNode(host.environment, host.dispatch, secured, { homeRegistered });
  const { packet, message } = theMessage(
    host.do((now) => node.registerHome(now)),
    'binding-update',
  );
  const { sequence } = message;
  const ack = { kind: 'binding-acknowledgement', status: 0, keyManagement: false, sequence, lifetime: 105 } as const;
  host.give(mobilityPacket({ source: HOME_AGENT, destination: CARE_OF, route: HOME }, { ...ack, options: [] }));
  return { packet, kinds: message.options.map(({ kind }) => kind), statuses };
}

test('RFC 6275 11.7.1: without RFC 4285 the update has no option of it, and a plain acknowledgement is believed', () => {
  const { packet, kinds, statuses } = registerAndAcknowledge();
  expect(packet).toMatchObject({ source: CARE_OF, destination: HOME_AGENT, home: HOME, checksumHolds: true });
  expect(kinds).toEqual(['alternate-care-of']);
  expect(statuses).toEqual([0]);
});

test('RFC 4285 5.1: with it, an acknowledgement without the option is as if it had not come', () => {
  const { kinds, statuses } = registerAndAcknowledge(ASSOCIATION);
  expect(kinds).toEqual(['alternate-care-of', 'replay-protection', 'authentication']);
  expect(statuses).toEqual([]);
});
