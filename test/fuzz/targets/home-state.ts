// A home agent's state file, whatever is in it: refused with a reason, or taken to the octet; and a home agent that takes
// it up keeps its bounds, lets all of it end in time, and leaves a state that the next process takes.

import { equalBytes, setU8 } from '../../../stack/core/bytes.ts';
import { EPOCH, seconds } from '../../../stack/core/time.ts';
import { HomeAgent } from '../../../stack/mobility/home-agent.ts';
import { emitHomeState, type HomeState, parseHomeState } from '../../../stack/mobility/home-state.ts';
import { address, prefix } from '../../../stack/wire/address.ts';
import { echoRequest } from '../../mobility/packets.ts';
import { ntp, TestHost } from '../../mobility/support.ts';
import { ByteReader } from '../byte-reader.ts';
import { law } from '../law.ts';

const SELF = address('2001:db8:100::ff');
const GROUP = address('2001:db8:100::1');
const CLIENT = address('2001:db8:c::1');
const KEY = new Uint8Array(20);
const LONGEST = seconds(3600);
const HALF_A_MINUTE = 30n << 32n;

const GOOD: HomeState = {
  members: [1, 2].map((bid) => ({
    ...{ home: GROUP, bid, sequence: 7, priority: bid, until: ntp(EPOCH) + HALF_A_MINUTE, lastTimestamp: 5n },
    careOf: address(`2001:db8:${bid}::1`),
  })),
  flows: [
    { home: GROUP, flow: { owner: 1, fid: 1, priority: 1, bids: [2], selector: { source: { first: CLIENT } } } },
    {
      home: GROUP,
      flow: { owner: 2, fid: 9, priority: 3, bids: [1, 2], selector: { sourcePort: { first: 1, last: 9 } } },
    },
  ],
};

export function fuzz(data: Uint8Array): void {
  const reader = new ByteReader(Uint8Array.from(data));
  const bytes = reader.flag() ? reader.rest() : changed(reader);
  const read = parseHomeState(bytes);
  const host = new TestHost(SELF, { forwarding: true });
  const associations = [1, 2].map((bid) => ({ home: GROUP, bid, spi: bid, key: KEY }));
  const homePrefixes = [prefix('2001:db8:100::/64')];
  const agent = new HomeAgent(host.environment, host.dispatch, { address: SELF, homePrefixes, associations });
  const taken = agent.restoreState(host.now, bytes);
  law(taken.ok === read.ok, 'what is parsed is taken up, and nothing else');
  if (!read.ok || !taken.ok) {
    law(read.ok || read.reason.length > 0, 'a refusal without a reason');
    law(agent.careOfAddress(GROUP, CLIENT) === undefined, 'a part of a state that is refused');
    return;
  }
  law(equalBytes(emitHomeState(read.value), bytes), 'emit(parse(b)) is not b');
  law(taken.value <= associations.length, () => `${taken.value} bindings of ${associations.length} members`);
  law(parseHomeState(agent.exportState(host.now)).ok, 'its own state is refused');
  for (const source of [CLIENT, SELF])
    law(host.give(echoRequest({ source, destination: GROUP })).length <= 1, 'an echo');
  host.pass(LONGEST);
  law(agent.careOfAddress(GROUP, CLIENT) === undefined, 'a binding that lasts for longer than is granted');
}

/** A good state with octets of it changed, and perhaps cut. */
function changed(reader: ByteReader): Uint8Array {
  const bytes = emitHomeState(GOOD);
  for (let changes = reader.below(8); changes > 0; changes--) setU8(bytes, reader.below(bytes.length), reader.u8());
  return reader.flag() ? bytes.subarray(0, reader.below(bytes.length)) : bytes;
}
