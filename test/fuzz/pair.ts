// Two honest ends and a network that does what the octets say. As long as they last it loses, doubles, delays and
// spoils; after them it is perfect, and whatever went before, everything written must arrive, once and in order, and
// both ends must close. No end ever resets the other.

import { milliseconds, seconds } from '../../stack/core/time.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import { tcbOf } from '../../stack/tcp/connection.ts';
import { decodeSnapshot, encodeSnapshot } from '../../stack/tcp/snapshot.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { A, B, PORT, type TestHost, World } from '../tcp/support.ts';
import type { ByteReader } from './byte-reader.ts';
import { law } from './law.ts';
import { octetsAt, strays } from './segment-maker.ts';
import { checkTcb } from './tcb-invariants.ts';

const MAX_EVENTS = 200;
/** Time for what is left, with every back-off at its longest (RFC 6298 2.5: 60 s). */
const REST = seconds(3_000);
const MAX_HANDSHAKE_LOSSES = 3;
/** Nobody gives up before the network is good again. */
const PATIENT = { userTimeout: seconds(1e6), keepAlive: seconds(0) };

/** One end: its node at present, its application, and what it has written and read. */
class End {
  readonly world: World;
  readonly at: typeof A;
  readonly stream: number;
  host: TestHost;
  connection: Connection | undefined;
  written = 0;
  read = 0;
  closing = false;
  closed = false;

  constructor(world: World, at: typeof A, stream: number) {
    this.world = world;
    this.at = at;
    this.stream = stream;
    this.host = world.host(at);
  }

  adopt(connection: Connection, other: End): void {
    this.connection = connection;
    connection.events = {
      readable: () => this.take(other, 1e6),
      peerFinished: () => this.take(other, 1e6),
      closed: (_now, error) => {
        law(error === undefined, () => `an honest connection ends with '${String(error)}'`);
        this.closed = true;
      },
    };
  }

  write(length: number): void {
    if (this.connection === undefined || this.closing) return;
    this.written += this.connection.write(this.world.now, octetsAt(this.stream, this.written, length));
  }

  take(other: End, max: number): void {
    for (let left = max; left > 0; ) {
      const bytes = this.connection?.read(this.world.now, left);
      if (bytes === undefined) return;
      law(strays(other.stream, this.read, bytes) === undefined, 'other octets arrive than were written');
      this.read += bytes.length;
      left -= bytes.length;
    }
  }

  shutdown(): void {
    this.connection?.shutdown(this.world.now);
    this.closing ||= this.connection !== undefined;
  }

  /** To another node, as a handoff does it; packets that come in between are lost. */
  move(other: End, silentMs: number, congestion: 'restart' | 'carry'): void {
    const { connection, world } = this;
    if (connection === undefined || connection.state === 'CLOSED') return;
    this.host.tcp.freeze(world.now, connection);
    const decoded = decodeSnapshot(encodeSnapshot(this.host.tcp.snapshot(world.now, connection)));
    law(decoded.ok, () => `our own snapshot is refused: ${decoded.ok ? '' : decoded.reason}`);
    this.host.tcp.forget(connection);
    this.host = world.host(this.at);
    const installed = this.host.tcp.install(world.now, decoded.value, { congestion });
    law(typeof installed !== 'string', () => `install() says ${String(installed)}`);
    this.adopt(installed, other);
    if (silentMs > 0) world.runFor(milliseconds(silentMs));
    this.host.tcp.resume(world.now, installed);
    world.timers.runDue(world.now);
  }

  check(): void {
    for (const connection of this.host.tcp.connections()) checkTcb(tcbOf(connection));
  }
}

export function playPair(bytes: ByteReader): void {
  const world = new World({
    mtu: bytes.pick([1500, 1280, 9000]),
    gso: bytes.flag(),
    delay: milliseconds(bytes.below(64)),
  });
  const [a, b] = [new End(world, A, 0x0a), new End(world, B, 0x0b)];
  world.options.jitter = milliseconds(bytes.pick([0, 1, 30, 200]));
  badNetwork(world, bytes, b);
  open(world, bytes, a, b);
  for (let n = 0; n < MAX_EVENTS && !bytes.done; n++) {
    event(world, bytes, a, b);
    a.check();
    b.check();
  }
  finish(world, a, b);
}

/**
 * Each packet uses up an octet, as long as there are any. Of a handshake it loses only so much that the passive end
 * does not give up, which RFC 9293 3.8.3 lets it do.
 */
function badNetwork(world: World, bytes: ByteReader, passive: End): void {
  let losses = 0;
  world.filter = (segment) => {
    law((segment.header.flags & TCP_FLAG.rst) === 0, 'an honest end resets');
    const fate = bytes.done ? 255 : bytes.u8();
    world.options.duplicate = fate >= 64 && fate < 80 ? 1 : 0;
    world.options.delay = milliseconds(fate >= 80 && fate < 100 ? 10 * (fate - 79) : 10);
    if (fate >= 64 || (passive.connection === undefined && losses >= MAX_HANDSHAKE_LOSSES)) return 'pass';
    losses += 1;
    return 'drop';
  };
}

function open(world: World, bytes: ByteReader, a: End, b: End): void {
  const options = (): object => ({
    ...PATIENT,
    congestion: bytes.flag() ? 'newreno' : 'cubic',
    noDelay: bytes.flag(),
    sendBuffer: bytes.pick([20_000, 4096, 100_000]),
    receiveBuffer: bytes.pick([20_000, 4096, 100_000]),
  });
  const simultaneous = bytes.u8() > 200;
  const connect = (from: End, to: End, localPort: number, port: number): void => {
    const opened = from.host.tcp.connect(world.now, { remote: { address: to.at, port }, localPort, ...options() });
    law(typeof opened !== 'string', 'the open failed');
    from.adopt(opened, to);
  };
  if (simultaneous) connect(b, a, PORT, 4000);
  else b.host.tcp.listen({ port: PORT, ...options() }, (_now, connection) => b.adopt(connection, a));
  connect(a, b, 4000, PORT);
}

function event(world: World, bytes: ByteReader, a: End, b: End): void {
  const choice = bytes.below(16);
  const [one, other] = choice % 2 === 0 ? [a, b] : [b, a];
  if (choice < 6) one.write(bytes.pick([1000, 1, 100, 20_000]));
  else if (choice < 8) one.take(other, bytes.pick([1000, 1, 100_000]));
  else if (choice < 13) world.runFor(milliseconds(bytes.pick([1, 10, 100, 1000, 20_000])));
  else if (choice < 15) one.move(other, bytes.pick([0, 0, 50, 2000]), bytes.pick(['restart', 'carry']));
  else if (bytes.u8() < 100) one.shutdown();
}

function finish(world: World, a: End, b: End): void {
  world.filter = (segment) => {
    law((segment.header.flags & TCP_FLAG.rst) === 0, 'an honest end resets');
    return 'pass';
  };
  Object.assign(world.options, { delay: milliseconds(10), jitter: 0, duplicate: 0 });
  world.runFor(REST);
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    law(one.connection !== undefined, 'the handshake never ends');
    one.take(other, 1e9);
    one.shutdown();
  }
  world.runFor(REST);
  a.check();
  b.check();
  law(a.read === b.written, () => `b wrote ${b.written}, a read ${a.read}`);
  law(b.read === a.written, () => `a wrote ${a.written}, b read ${b.read}`);
  law(a.closed && b.closed, () => `a is ${a.connection?.state}, b is ${b.connection?.state}`);
}
