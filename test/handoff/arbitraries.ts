// Arbitrary handoff messages, as a donor or an acceptor may send them.

import fc from 'fast-check';
import {
  type ConnectionState,
  HANDOFF_ID_LEN,
  type HandoffId,
  type HandoffMessage,
} from '../../stack/handoff/messages.ts';
import type { Strategy } from '../../stack/handoff/strategy.ts';
import type { CorrespondentSnapshot, KeygenToken } from '../../stack/mobility/api.ts';
import { type Address, readAddress } from '../../stack/wire/address.ts';

const octets = (length: fc.SizeForArbitrary | undefined, max: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ maxLength: max, ...(length === undefined ? {} : { size: length }) });

const count = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 0xffff_ffff, 0x1_0000_0000));
const word = fc.integer({ min: 0, max: 0xffff });

export const ids: fc.Arbitrary<HandoffId> = fc
  .uint8Array({ minLength: HANDOFF_ID_LEN, maxLength: HANDOFF_ID_LEN })
  .map((bytes) => [...bytes].map((octet) => octet.toString(16).padStart(2, '0')).join(''));

/** Addresses that may be routed beyond a link: 2000::/3 and unique local ones. */
export const clients: fc.Arbitrary<Address> = fc
  .tuple(fc.constantFrom(0x20, 0x3f, 0xfd), fc.uint8Array({ minLength: 15, maxLength: 15 }))
  .map(([first, rest]) => readAddress(Uint8Array.of(first, ...rest), 0));

export const strategies: fc.Arbitrary<Strategy> = fc.record({
  tokens: fc.constantFrom('on-demand' as const, 'prefetched' as const),
  buffers: fc.constantFrom('drain' as const, 'carry' as const),
  binding: fc.constantFrom('confirmed' as const, 'optimistic' as const),
});

const tokens: fc.Arbitrary<KeygenToken> = fc.record({
  token: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  nonceIndex: word,
  remainingUs: count,
});

const correspondents: fc.Arbitrary<CorrespondentSnapshot> = fc.record({
  client: clients,
  homeToken: fc.option(tokens, { nil: undefined }),
  lastSequence: word,
  bindingRemainingUs: count,
  plainRemainingUs: count,
});

/** What an app may carry along, as far as CBOR gives back what it was given. */
const appStates: fc.Arbitrary<unknown> = fc.oneof(
  fc.constant(null),
  fc.record({ state: fc.oneof(fc.string(), count, fc.boolean(), fc.constant(undefined), octets(undefined, 50)) }),
  fc.record({
    state: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.oneof(fc.string(), fc.double({ noNaN: true }))),
  }),
);

const connections: fc.Arbitrary<ConnectionState> = fc.record({
  localPort: word,
  remotePort: word,
  tcb: octets(undefined, 400),
  app: appStates,
});

export const messages: fc.Arbitrary<HandoffMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('prepare' as const),
    id: ids,
    epoch: count,
    client: clients,
    strategy: strategies,
    correspondent: correspondents,
  }),
  fc.record({
    kind: fc.constantFrom('ready' as const, 'commit' as const, 'query' as const, 'installed' as const),
    id: ids,
  }),
  fc.record({
    kind: fc.constant('copy' as const),
    id: ids,
    connection: fc.record({ localPort: word, remotePort: word }),
    offset: count,
    bytes: octets('large', 5000),
  }),
  fc.record({
    kind: fc.constant('state' as const),
    id: ids,
    correspondent: correspondents,
    connections: fc.array(connections, { maxLength: 5 }),
    donorTailUs: count,
  }),
  fc.record({ kind: fc.constant('hello' as const), id: ids, padding: fc.uint8Array({ maxLength: 100 }) }),
  fc.record(
    {
      kind: fc.constant('abort' as const),
      id: ids,
      reason: fc.string({ maxLength: 500 }),
      epoch: fc.nat(),
    },
    { requiredKeys: ['kind', 'id', 'reason'] },
  ),
);
