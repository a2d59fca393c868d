import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, u16 } from '../../stack/core/bytes.ts';
import { checksumHolds, fold, sumWords } from '../../stack/core/checksum.ts';
import { SeededRandom } from '../../stack/core/random.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Device, DeviceOffloads, Frame, FramesHandler } from '../../stack/device/device.ts';
import { cutSuperFrame } from '../../stack/device/segment.ts';
import { type Detour, DIRECT } from '../../stack/ipv6/hooks.ts';
import { Ipv6 } from '../../stack/ipv6/ipv6.ts';
import { lastDestination } from '../../stack/ipv6/way-mtu.ts';
import { address, prefix } from '../../stack/wire/address.ts';
import { PROTOCOL, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { seq, seqAdd } from '../../stack/wire/seq.ts';
import { emitTcpHeader, parseTcpHeader, TCP_CHECKSUM, TCP_FLAG, TCP_HEADER_LEN } from '../../stack/wire/tcp.ts';
import {
  HOME,
  HOST,
  header,
  icmpOf,
  PEER,
  packet,
  Recorder,
  ROUTER,
  START,
  sendFrom,
  TEST_PROTOCOL,
  world,
} from './world.ts';

const REMOTE_HOME = address('2001:db8:e::1');
const NONE: DeviceOffloads = { checksum: false, tso: false };
const CHECKSUM: DeviceOffloads = { checksum: true, tso: false };
const TSO: DeviceOffloads = { checksum: true, tso: true };

const through = (detour: Detour) => ({ output: { detour: () => detour } });

/** A TCP segment with its checksum field zero. */
function segment(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(TCP_HEADER_LEN + payload.length);
  const flags = TCP_FLAG.ack | TCP_FLAG.psh;
  emitTcpHeader({ sourcePort: 80, destinationPort: 5000, seq: seq(1000), ack: seq(1), flags, window: 99 }, bytes, 0);
  bytes.set(payload, TCP_HEADER_LEN);
  return bytes;
}

function sendSegment(ipv6: Ipv6, payload: Uint8Array, gsoSize = 0, source = HOST, destination = PEER) {
  const protocol = PROTOCOL.tcp;
  return sendFrom(ipv6, START, segment(payload), {
    source,
    destination,
    protocol,
    checksumOffset: TCP_CHECKSUM,
    gsoSize,
  });
}

/** What a stack behind the link makes of these frames: its TCP layer's packets, home addresses in place. */
function receivedBy(frames: readonly Frame[], local = PEER, home = REMOTE_HOME) {
  const peer = world({ mtu: 65_535 });
  const tcp = new Recorder();
  peer.ipv6.addAddress(local);
  peer.ipv6.addAddress(home);
  peer.ipv6.register(PROTOCOL.tcp, tcp);
  peer.ipv6.register(PROTOCOL.ipv6, {
    input(now, outer) {
      peer.ipv6.inject(now, outer.bytes.slice(outer.start, outer.end));
      return 'accepted';
    },
  });
  peer.ipv6.addHooks({
    homeAddress: { homeAddressOption: () => 'accept' },
    routingHeader2: { routingHeader2: () => 'accept' },
  });
  for (const frame of frames) peer.arrive(START, frame.bytes);
  return tcp.packets;
}

const detours: readonly { readonly name: string; readonly detour: Detour; readonly overhead: number }[] = [
  { name: 'directly', detour: DIRECT, overhead: 0 },
  { name: 'with a Home Address option', detour: { careOfSource: HOST }, overhead: 24 },
  { name: 'with a type 2 routing header', detour: { careOfDestination: PEER }, overhead: 24 },
  { name: 'with both', detour: { careOfSource: HOST, careOfDestination: PEER }, overhead: 48 },
  { name: 'through a tunnel', detour: { tunnel: { source: HOST, destination: PEER } }, overhead: 40 },
  {
    name: 'with both through a tunnel',
    detour: { careOfSource: HOST, careOfDestination: PEER, tunnel: { source: HOST, destination: PEER } },
    overhead: 88,
  },
];

describe.each(detours)('a packet that goes $name', ({ detour, overhead }) => {
  test.each([
    ['no offloads', NONE],
    ['checksum offload', CHECKSUM],
    ['TSO', TSO],
  ])('RFC 6275 6.3.1, 6.4.1: arrives under the home addresses with a right checksum (%s)', (_name, offloads) => {
    const payload = new SeededRandom(1).bytes(700);
    const { ipv6, sent } = world({ offloads });
    ipv6.addHooks(through(detour));
    expect(sendSegment(ipv6, payload, 0, HOME, REMOTE_HOME)).toBe('sent');
    const frames = sent();
    expect(frames.map((frame) => frame.bytes.length)).toEqual([40 + overhead + 20 + 700]);
    const partial = offloads.checksum && detour.tunnel === undefined;
    expect(frames[0]?.offload?.checksumStart !== undefined).toBe(partial);
    const [packet] = receivedBy(frames.flatMap((frame) => cutSuperFrame(frame).map((bytes) => ({ bytes }))));
    if (packet === undefined) throw new Error('nothing arrived');
    expect(packet).toMatchObject({ source: HOME, destination: REMOTE_HOME });
    expect(packet.payload.subarray(20)).toEqual(payload);
    const pseudo = pseudoHeaderSum(HOME, REMOTE_HOME, PROTOCOL.tcp, 720);
    expect(checksumHolds(sumWords(packet.payload, 0, 720, pseudo))).toBe(true);
  });

  test('RFC 9293 3.7: a super-frame arrives as the same octets, whether the device cuts it or IPv6 does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12_000 }),
        fc.integer({ min: 500, max: 1300 }),
        fc.boolean(),
        (length, gsoSize, tso) => {
          const payload = new SeededRandom(length).bytes(length);
          const { ipv6, sent } = world({ offloads: tso ? TSO : NONE });
          ipv6.addHooks(through(detour));
          expect(sendSegment(ipv6, payload, gsoSize, HOME, REMOTE_HOME)).toBe('sent');
          const frames = sent();
          const segments = Math.ceil(length / gsoSize);
          expect(frames.length).toBe(tso && detour.tunnel === undefined ? 1 : segments);
          const packets = receivedBy(frames.flatMap((frame) => cutSuperFrame(frame).map((bytes) => ({ bytes }))));
          expect(packets.length).toBe(segments);
          let expected = seq(1000);
          for (const packet of packets) {
            const tcp = parseTcpHeader(packet.payload, 0, packet.payload.length);
            if (!tcp.ok) throw new Error(tcp.reason);
            expect(tcp.value.seq).toBe(expected);
            expected = seqAdd(expected, packet.payload.length - tcp.end);
            const pseudo = pseudoHeaderSum(HOME, REMOTE_HOME, PROTOCOL.tcp, packet.payload.length);
            expect(checksumHolds(sumWords(packet.payload, 0, packet.payload.length, pseudo))).toBe(true);
          }
          expect(concatBytes(...packets.map((packet) => packet.payload.subarray(20)))).toEqual(payload);
        },
      ),
      { seed: 8, numRuns: 25 },
    );
  });

  test('the path says what it takes', () => {
    const { ipv6 } = world({ offloads: TSO });
    ipv6.addHooks({ output: { detour: () => detour, receiveOverhead: () => 24 } });
    const gso = detour.tunnel === undefined;
    const way = lastDestination(detour, REMOTE_HOME).key;
    const rest = { way, receiveOverhead: 24, probe: 0, gso, queueFrames: Number.POSITIVE_INFINITY };
    expect(ipv6.path(START, HOME, REMOTE_HOME)).toEqual({ mtu: 1500, overhead, ...rest });
  });

  test('the largest segment that the path allows fits the link; one octet more is too big', () => {
    const { ipv6, sent } = world();
    ipv6.addHooks(through(detour));
    const largest = 1500 - overhead - 40 - 20;
    expect(sendSegment(ipv6, new Uint8Array(largest))).toBe('sent');
    expect(sent().map((frame) => frame.bytes.length)).toEqual([1500]);
    expect(sendSegment(ipv6, new Uint8Array(largest + 1))).toBe('too-big');
    expect(sendSegment(ipv6, new Uint8Array(5000), largest)).toBe('sent');
    expect(sendSegment(ipv6, new Uint8Array(5000), largest + 1)).toBe('too-big');
  });
});

test('a way that is blocked takes no packet, and is described as when it is open', () => {
  const { ipv6, sent } = world();
  const tunnel = { source: HOST, destination: ROUTER };
  ipv6.addHooks(through({ tunnel, blocked: true }));
  expect(sendSegment(ipv6, new Uint8Array(10))).toBe('dropped');
  expect(sent()).toEqual([]);
  expect(ipv6.path(START, HOST, PEER).overhead).toBe(40);
});

describe('checksums', () => {
  test('with offload the field has the folded sum of the pseudo-header, complete or not the same packet', () => {
    const payload = new SeededRandom(2).bytes(333);
    const [plain, offloaded] = [world(), world({ offloads: CHECKSUM })];
    sendSegment(plain.ipv6, payload);
    sendSegment(offloaded.ipv6, payload);
    const [frame] = offloaded.sent();
    if (frame === undefined) throw new Error('nothing sent');
    expect(frame.offload).toEqual({ gsoSize: 0, checksumStart: 40, checksumOffset: TCP_CHECKSUM });
    expect(u16(frame.bytes, 56)).toBe(fold(pseudoHeaderSum(HOST, PEER, PROTOCOL.tcp, 353)));
    expect(cutSuperFrame(frame)).toEqual(plain.sent().map((one) => one.bytes));
  });

  test('RFC 8200 8.1: a UDP checksum is never zero', () => {
    const { ipv6, sent } = world();
    const datagram = new Uint8Array(10);
    // The one's complement of everything else, put into the data, makes the sum all ones.
    const rest = ~fold(pseudoHeaderSum(HOST, PEER, PROTOCOL.udp, 10)) & 0xffff;
    datagram.set([rest >>> 8, rest & 0xff], 8);
    sendFrom(ipv6, START, datagram, { protocol: PROTOCOL.udp, checksumOffset: 6 });
    expect(u16(sent()[0]?.bytes ?? new Uint8Array(), 46)).toBe(0xffff);
  });
});

describe('batches and buffers', () => {
  test('within enter() everything leaves in one Device.send, each packet with its own octets', () => {
    const { ipv6, batches } = world();
    ipv6.enter(START, () => {
      for (let i = 0; i < 100; i++) sendFrom(ipv6, START, new Uint8Array(1000).fill(i));
      expect(batches.length).toBe(0);
    });
    expect(batches.length).toBe(1);
    expect(batches[0]?.map((frame) => frame.bytes.at(-1))).toEqual([...new Array(100).keys()]);
  });

  test('a batch larger than the arena keeps every packet whole', () => {
    const { ipv6, sent } = world({ offloads: TSO });
    ipv6.enter(START, () => {
      for (let i = 0; i < 40; i++) sendSegment(ipv6, new Uint8Array(60_000).fill(i), 1400);
    });
    expect(sent().map((frame) => frame.bytes.at(-1))).toEqual([...new Array(40).keys()]);
  });

  test("a caller's own buffer is copied in a batch, and where it lacks headroom", () => {
    const { ipv6, sent } = world();
    const own = new Uint8Array(200);
    ipv6.enter(START, () => {
      for (const [value, start] of [
        [1, 128],
        [2, 0],
      ] as const) {
        own.fill(value);
        const fields = { source: HOST, destination: PEER, protocol: TEST_PROTOCOL };
        ipv6.send(START, { ...fields, buffer: own, start, end: start + 8 });
      }
      own.fill(9);
    });
    expect(sent().map((frame) => frame.bytes.subarray(40))).toEqual([
      new Uint8Array(8).fill(1),
      new Uint8Array(8).fill(2),
    ]);
  });

  test('a device that answers from inside send() does not disturb what is being sent', () => {
    const sentFrames: Uint8Array[][] = [];
    let handler: FramesHandler = () => {};
    const device: Device = {
      name: 'eager',
      mtu: 1500,
      offloads: NONE,
      send(now, frames) {
        const first = sentFrames.length === 0;
        // Three requests arrive while three packets of ours are still being handed over.
        if (first) handler(now, new Array(3).fill({ bytes: packet({ protocol: 200 }) }));
        sentFrames.push(frames.map((frame) => frame.bytes.slice()));
      },
      onFrames(receiver) {
        handler = receiver;
      },
      close() {},
    };
    const ipv6 = new Ipv6({
      timers: new TimerQueue(),
      random: new SeededRandom(1),
      devices: [{ device, addresses: [HOST] }],
    });
    ipv6.addRoute(prefix('::/0'), device);
    ipv6.enter(START, () => {
      for (let i = 0; i < 3; i++) sendFrom(ipv6, START, Uint8Array.of(i));
    });
    expect(sentFrames.map((frames) => frames.length)).toEqual([3, 3]);
    expect(sentFrames[0]?.map((bytes) => bytes.at(-1))).toEqual([0, 1, 2]);
    expect(sentFrames[1]?.map((bytes) => icmpOf({ bytes }))).toMatchObject(new Array(3).fill({ type: 4, code: 1 }));
  });
});

describe('where to', () => {
  test('without a route nothing is sent', () => {
    const { ipv6, sent, drops } = world();
    ipv6.removeRoute(prefix('::/0'));
    expect(sendFrom(ipv6, START, Uint8Array.of(1))).toBe('no-route');
    expect(drops('no-route')).toBe(1);
    expect(sent()).toEqual([]);
    expect(ipv6.path(START, HOST, PEER).mtu).toBe(1280);
  });

  test('sendVia goes exactly the way it is told, hooks unasked', () => {
    const { ipv6, sent } = world();
    ipv6.addHooks(through({ careOfSource: HOST }));
    const { buffer, start } = ipv6.allocate(1);
    const fields = { source: HOME, destination: PEER, protocol: TEST_PROTOCOL, buffer, start, end: start + 1 };
    ipv6.sendVia(START, fields, { tunnel: { source: HOST, destination: ROUTER } });
    expect(header(sent()[0])).toMatchObject({ source: HOST, destination: ROUTER, nextHeader: PROTOCOL.ipv6 });
  });

  test('RFC 2473 6.4: the outer header has the traffic class of the inner one', () => {
    const { ipv6, sent } = world();
    const { buffer, start } = ipv6.allocate(1);
    const fields = { source: HOST, destination: PEER, protocol: TEST_PROTOCOL, buffer, start, end: start + 1 };
    ipv6.sendVia(
      START,
      { ...fields, trafficClass: 0xb9, hopLimit: 3 },
      { tunnel: { source: HOST, destination: ROUTER } },
    );
    const [frame] = sent();
    expect(header(frame)).toMatchObject({ trafficClass: 0xb9, hopLimit: 64 });
    expect(header(frame?.bytes.subarray(40))).toMatchObject({ trafficClass: 0xb9, hopLimit: 3 });
  });

  test('RFC 6275 6.3: fragments repeat the Home Address option in front of the Fragment header', () => {
    const { ipv6, sent } = world();
    ipv6.addHooks(through({ careOfSource: HOST }));
    sendFrom(ipv6, START, new SeededRandom(4).bytes(3000), { source: HOME });
    for (const frame of sent()) {
      expect(header(frame).nextHeader).toBe(PROTOCOL.destinationOptions);
      expect(frame.bytes[40]).toBe(PROTOCOL.fragment);
      expect(frame.bytes[64]).toBe(TEST_PROTOCOL);
      expect(frame.bytes.length).toBeLessThanOrEqual(1500);
    }
  });
});
