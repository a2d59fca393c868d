// Control messages of the handoff: refused with a reason, or a value that says the same when it is sent on. Octets as
// CBOR, or a good message with some of its fields changed.

import { Encoder } from 'cbor-x';
import { equalBytes } from '../../../stack/core/bytes.ts';
import { decodeMessage, encodeMessage, MESSAGE_VERSION } from '../../../stack/handoff/messages.ts';
import { address } from '../../../stack/wire/address.ts';
import { ByteReader } from '../byte-reader.ts';
import { changeFields } from '../field-changes.ts';
import { law } from '../law.ts';

const LENGTH_OCTETS = 4;
const encoder = new Encoder({ useRecords: false, tagUint8Array: false, mapsAsObjects: true });

const WORDS = [
  ...(['prepare', 'ready', 'commit', 'query', 'installed', 'hello', 'abort', 'copy', 'state'] as const),
  ...(['on-demand', 'prefetched', 'drain', 'carry', 'confirmed', 'optimistic', '', 'installing'] as const),
] as const;
const v = MESSAGE_VERSION;
const id = '00112233445566778899aabbccddeeff';
const client = address('2001:db8:c::1').toBytes();
const homeToken = { token: new Uint8Array(8), nonceIndex: 3, remainingUs: 1_000_000 };
const correspondent = { client, homeToken, lastSequence: 7, bindingRemainingUs: 0, plainRemainingUs: 0 };
const strategy = { tokens: 'prefetched', buffers: 'carry', binding: 'optimistic' };
const connection = { localPort: 80, remotePort: 4000 };
const GOOD = [
  { v, kind: 'prepare', id, epoch: 3, client, strategy, correspondent },
  {
    ...{ v, kind: 'state', id, correspondent, donorTailUs: 20_000 },
    connections: [{ ...connection, tcb: new Uint8Array(3), app: { state: { sent: 17 } } }],
  },
  { v, kind: 'copy', id, connection, offset: 2 ** 40, bytes: new Uint8Array(3) },
  { v, kind: 'abort', id, reason: 'why', epoch: 3 },
  { v, kind: 'hello', id, padding: new Uint8Array(3) },
  { v, kind: 'ready', id },
] as const;

export function fuzz(data: Uint8Array): void {
  const reader = new ByteReader(Uint8Array.from(data));
  const which = reader.below(GOOD.length + 1);
  const good = GOOD[which];
  const body = good === undefined ? reader.rest() : encoder.encode(changeFields(reader, good, WORDS));
  const decoded = decodeMessage(Uint8Array.from(body));
  if (!decoded.ok) {
    law(decoded.reason.length > 0 && decoded.reason.length < 200, 'a refusal without a short reason');
    return;
  }
  const frame = encodeMessage(decoded.value);
  const again = decodeMessage(frame.subarray(LENGTH_OCTETS));
  law(again.ok, () => `what was taken is refused when it is sent on: ${again.ok ? '' : again.reason}`);
  law(equalBytes(frame, encodeMessage(again.value)), 'a message changes when it is sent on');
}
