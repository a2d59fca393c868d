// Hostile snapshots: refused with a reason, or a connection that keeps every invariant and does no harm, while a
// peer acknowledges, asks and goes away. Octets as CBOR; or a good snapshot with some of its fields changed.

import { Encoder } from 'cbor-x';
import { milliseconds, seconds } from '../../../stack/core/time.ts';
import { tcbOf } from '../../../stack/tcp/connection.ts';
import { seqAt } from '../../../stack/tcp/position.ts';
import { decodeSnapshot, encodeSnapshot, missingFromSendBuffer } from '../../../stack/tcp/snapshot.ts';
import type { Tcb } from '../../../stack/tcp/tcb.ts';
import { TCP_FLAG } from '../../../stack/wire/tcp.ts';
import { A, type TestHost, World } from '../../tcp/support.ts';
import { busySnapshot, SNAPSHOT_WORDS } from '../busy-snapshot.ts';
import { ByteReader } from '../byte-reader.ts';
import { changeFields } from '../field-changes.ts';
import { law } from '../law.ts';
import { makeSegment } from '../segment-maker.ts';
import { checkTcb } from '../tcb-invariants.ts';

const MAX_SENT = 3_000;
const encoder = new Encoder({ useRecords: false, tagUint8Array: false, mapsAsObjects: true });
const GOOD = busySnapshot();

export function fuzz(data: Uint8Array): void {
  const reader = new ByteReader(Uint8Array.from(data));
  const congestion = reader.flag() ? 'carry' : 'restart';
  const bytes = reader.flag() ? reader.rest() : encoder.encode(changeFields(reader, GOOD, SNAPSHOT_WORDS));
  const decoded = decodeSnapshot(bytes);
  if (!decoded.ok) {
    law(decoded.reason.length > 0 && decoded.reason.length < 300, 'a refusal without a short reason');
    return;
  }
  law(decodeSnapshot(encodeSnapshot(decoded.value)).ok, 'a good snapshot is refused when it is sent on');
  if (missingFromSendBuffer(decoded.value).length > 0) return;
  const world = new World();
  world.filter = () => 'drop';
  const host = world.host(A);
  const installed = host.tcp.install(world.now, decoded.value, { congestion });
  if (typeof installed === 'string') return;
  const tcb = tcbOf(installed);
  checkTcb(tcb);
  world.runFor(milliseconds(100));
  law(world.sent.length === 0, 'an installed connection speaks before it is resumed');
  host.tcp.resume(world.now, installed);
  live(world, host, tcb);
}

/** A little of a life: nothing may throw, and it comes to an end. */
function live(world: World, host: TestHost, tcb: Tcb): void {
  const { connection } = tcb;
  const step = (work: () => void): void => {
    work();
    world.timers.runDue(world.now);
    checkTcb(tcb);
  };
  step(() => {});
  step(() => connection.write(world.now, new Uint8Array(5000)));
  step(() => connection.read(world.now));
  step(() => acknowledge(world, host, tcb, tcb.snd.nxt));
  step(() => acknowledge(world, host, tcb, tcb.snd.una));
  step(() => world.runFor(milliseconds(700)));
  step(() => acknowledge(world, host, tcb, tcb.snd.nxt));
  step(() => connection.shutdown(world.now));
  step(() => world.runFor(seconds(1000)));
  step(() => connection.abort(world.now));
  world.runFor(seconds(200));
  law(world.sent.length <= MAX_SENT, () => `${world.sent.length} segments to a peer that is silent`);
}

function acknowledge(world: World, host: TestHost, tcb: Tcb, ack: number): void {
  const { snd, rcv, local, remote, ts } = tcb;
  const header = {
    sourcePort: remote.port,
    destinationPort: local.port,
    seq: seqAt(rcv.irs, rcv.nxt),
    ack: seqAt(snd.iss, ack),
    flags: TCP_FLAG.ack,
    window: 1000,
    ...(ts.on ? { options: { timestamp: { value: ts.recent, echo: 0 } } } : {}),
  };
  const bytes = makeSegment(remote.address, local.address, header, new Uint8Array(10));
  const at = {
    at: world.now,
    from: remote.address,
    to: local.address,
    header: {} as never,
    text: bytes,
    gsoSize: 0,
    trafficClass: 0,
  };
  host.ipv6.receive(world.now, at, bytes);
}
