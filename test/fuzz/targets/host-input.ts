// Raw frames into a whole host with a listener and an open connection: nothing throws, what leaves is well-formed, and
// no input draws more packets than it is worth (RFC 4443 2.4: errors are rationed).

import { SeededRandom } from '../../../stack/core/random.ts';
import { after, type Instant, milliseconds, NEVER, seconds } from '../../../stack/core/time.ts';
import { TimerQueue } from '../../../stack/core/timer-queue.ts';
import { pipe } from '../../../stack/device/pipe.ts';
import { Host } from '../../../stack/host.ts';
import { tcbOf } from '../../../stack/tcp/connection.ts';
import { address, prefix } from '../../../stack/wire/address.ts';
import { HOST, PEER, START } from '../../ipv6/world.ts';
import { ByteReader } from '../byte-reader.ts';
import { law } from '../law.ts';
import { makePacket } from '../packet-maker.ts';
import { checkTcb } from '../tcb-invariants.ts';
import { checkPacket } from '../wire-check.ts';

const MTU = 1500;
const MAX_PACKETS = 60;
/** What one packet may draw: an answer for each of a reassembled or tunnelled packet's layers, and a little. */
const MAX_ANSWERS = 12;
const OTHERS = ['ff02::1', '::1', '::', '2001:db8:1::77', 'fe80::1', '2001:db8:f::100'].map(address);
/** Behind the host, where it is a client gateway. */
const CLIENTS = prefix('2001:db8:1::/48');
const WORLD = { sources: [PEER, HOST, ...OTHERS], destinations: [HOST, HOST, HOST, PEER, ...OTHERS] } as const;

export function fuzz(data: Uint8Array): void {
  const reader = new ByteReader(Uint8Array.from(data));
  const bits = reader.u8();
  const timers = new TimerQueue();
  const [near, far] = pipe({ names: ['host', 'peer'], mtu: MTU });
  const random = new SeededRandom(1);
  const host = new Host({ timers, random, secret: Uint8Array.of(1, 2, 3), forwarding: (bits & 1) !== 0 });
  host.attach(near, { addresses: [HOST] });
  let sent = 0;
  if ((bits & 5) === 5) {
    const [inside, client] = pipe({ names: ['gateway', 'client'], mtu: MTU });
    host.attach(inside, { addresses: [], routes: [CLIENTS] });
    host.beClientGateway({ inside, outside: near });
    client.onFrames((_now, frames) => {
      for (const { bytes } of frames) checkPacket(bytes, MTU, true);
    });
  } else if ((bits & 2) !== 0) {
    host.beCorrespondent();
  }
  far.onFrames((_now, frames) => {
    sent += frames.length;
    for (const { bytes } of frames) checkPacket(bytes, MTU, (bits & 1) !== 0);
  });
  let now: Instant = START;
  host.tcp.listen({ port: 80 }, () => {});
  host.tcp.connect(now, { remote: { address: PEER, port: 4000 }, localPort: 5000 });
  for (let n = 0; n < MAX_PACKETS && !reader.done; n++) {
    sent = 0;
    const batch = Array.from({ length: 1 + reader.below(3) }, () => ({ bytes: makePacket(reader, WORLD) }));
    far.send(now, batch);
    timers.runDue(now);
    law(sent <= MAX_ANSWERS * batch.length, () => `${sent} packets for ${batch.length}`);
    now = pass(timers, now, reader.pick([0, 1, 500, 70_000]));
    for (const connection of host.tcp.connections()) checkTcb(tcbOf(connection));
  }
  now = pass(timers, now, 2_000_000);
  for (const connection of [...host.tcp.connections()]) connection.abort(now);
  pass(timers, now, 2_000_000);
  const rest = timers.nextDeadline();
  law(rest === NEVER || (bits & 2) !== 0 || rest > after(now, seconds(1)), 'a timer that never rests');
}

function pass(timers: TimerQueue, from: Instant, ms: number): Instant {
  const until = after(from, milliseconds(ms));
  for (let due = timers.nextDeadline(); due <= until; due = timers.nextDeadline()) timers.runDue(due);
  return until;
}
