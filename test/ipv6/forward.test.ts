import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import type { Frame } from '../../stack/device/device.ts';
import { type PipeEnd, pipe } from '../../stack/device/pipe.ts';
import { cutSuperFrame } from '../../stack/device/segment.ts';
import type { ForwardedPacket } from '../../stack/ipv6/hooks.ts';
import { Ipv6 } from '../../stack/ipv6/ipv6.ts';
import { address, prefix } from '../../stack/wire/address.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { DESTINATION, SOURCE, tcpSuperFrame } from '../device/frames.ts';
import {
  destinationOptions,
  fragment,
  HOST,
  header,
  hopByHop,
  icmpError,
  icmpOf,
  packet,
  Recorder,
  ROUTER,
  START,
  TEST_PROTOCOL,
  world,
} from './world.ts';

const LEFT = address('2001:db8:a::1');
const RIGHT = address('2001:db8:b::2');

/** A router between a link to 2001:db8:a::/48 and one to 2001:db8:b::/48, both ends in the test's hands. */
function router(options: { readonly rightMtu?: number; readonly tso?: boolean } = {}) {
  const timers = new TimerQueue();
  const offloads = { checksum: options.tso === true, tso: options.tso === true };
  const [nearLeft, left] = pipe({ names: ['left', 'l'], mtu: 9000, offloads });
  const [nearRight, right] = pipe({ names: ['right', 'r'], mtu: options.rightMtu ?? 1500 });
  const ipv6 = new Ipv6({
    timers,
    random: new SeededRandom(1),
    forwarding: true,
    devices: [{ device: nearLeft, addresses: [ROUTER] }, { device: nearRight }],
  });
  ipv6.addRoute(prefix('2001:db8:a::/48'), nearLeft);
  ipv6.addRoute(prefix('2001:db8:b::/48'), nearRight);
  return { ipv6, left: { ...collect(left), near: nearLeft }, right: collect(right) };
}

function collect(end: PipeEnd) {
  const frames: Frame[] = [];
  end.onFrames((_now, batch) => frames.push(...batch));
  const put = (...packets: Uint8Array[]) =>
    end.send(
      START,
      packets.map((bytes) => ({ bytes })),
    );
  return { frames, put, end };
}

const across = (fields: Parameters<typeof packet>[0] = {}) => packet({ source: LEFT, destination: RIGHT, ...fields });

describe('RFC 8200 3: forwarding', () => {
  test('a packet goes out where its route says, hop limit one less, all else as it was', () => {
    const { left, right } = router();
    const bytes = across({
      hopLimit: 10,
      trafficClass: 0x2e,
      extensions: [fragment({ offset: 8, more: true, id: 1 })],
    });
    left.put(bytes);
    const expected = bytes.slice();
    expected[7] = 9;
    expect(right.frames).toEqual([{ bytes: expected }]);
  });

  test('the octets that came in are left alone', () => {
    const { left, right } = router();
    const bytes = across();
    const before = bytes.slice();
    left.put(bytes);
    expect(right.frames.length).toBe(1);
    expect(bytes).toEqual(before);
  });

  test('RFC 4443 3.3: a hop limit that runs out gets Time Exceeded code 0', () => {
    const { left, right } = router();
    const bytes = across({ hopLimit: 1 });
    left.put(bytes);
    expect(right.frames).toEqual([]);
    expect(header(left.frames[0])).toMatchObject({ source: ROUTER, destination: LEFT });
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 3, code: 0, quoted: bytes });
  });

  test('RFC 4443 3.1: no route gets Unreachable code 0', () => {
    const { left } = router();
    left.put(across({ destination: address('2001:db8:c::1') }));
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 1, code: 0 });
  });

  test('RFC 4443 3.1: back over the point-to-point link it came from gets Unreachable code 3', () => {
    const { left } = router();
    left.put(across({ destination: address('2001:db8:a::77') }));
    expect(left.frames.length).toBe(1);
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 1, code: 3 });
  });

  test('RFC 4443 3.2: larger than the next link gets Packet Too Big with its MTU', () => {
    const { left, right } = router({ rightMtu: 1400 });
    left.put(across({ payload: new Uint8Array(1360) }), across({ payload: new Uint8Array(1361) }));
    expect(right.frames.length).toBe(1);
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 2, parameter: 1400 });
  });

  test('RFC 4443 3.1: a link-local source that asks for more than its link gets Unreachable code 2', () => {
    const { ipv6, left, right } = router();
    const source = address('fe80::7');
    left.put(across({ source }));
    expect(left.frames).toEqual([]); // no route back: nothing that could go astray
    ipv6.addRoute(prefix('fe80::/10'), left.near);
    left.put(across({ source }));
    expect(right.frames).toEqual([]);
    expect(header(left.frames[0])).toMatchObject({ destination: source });
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 1, code: 2 });
  });

  test.each([
    ['link-local source', { source: address('fe80::1') }],
    ['link-local destination', { destination: address('fe80::1') }],
    ['multicast destination', { destination: address('ff0e::1') }],
    ['unspecified source', { source: address('::') }],
  ])('RFC 4291 2.5: %s is not forwarded', (_name, fields) => {
    const { left, right } = router();
    left.put(across(fields));
    expect(left.frames).toEqual([]);
    expect(right.frames).toEqual([]);
  });

  test('a super-frame is cut before it leaves for a device without offloads', () => {
    const { left, right } = router({ tso: true });
    const { frame } = tcpSuperFrame({ payload: new Uint8Array(3000), gsoSize: 1000, flags: TCP_FLAG.ack, seq: 1 });
    left.end.send(START, [frame]);
    expect([SOURCE, DESTINATION]).toEqual([LEFT, RIGHT]);
    const expected = cutSuperFrame(frame).map((bytes) => {
      bytes[7] = 63;
      return { bytes };
    });
    expect(right.frames).toEqual(expected);
  });

  test('the forward hook sees plain packets with the hop limit as it came, and may take them', () => {
    const { ipv6, left, right } = router();
    const seen: ForwardedPacket[] = [];
    ipv6.addHooks({
      forward: {
        forward(_now, forwarded) {
          seen.push(forwarded);
          return 'taken';
        },
      },
    });
    const bytes = across({ hopLimit: 1 });
    left.put(bytes);
    expect(seen).toEqual([{ source: LEFT, destination: RIGHT, bytes }]);
    expect(right.frames).toEqual([]);
    expect(left.frames).toEqual([]);
  });
});

describe('RFC 2473: tunnels', () => {
  const AGENT = ROUTER;
  const FAR_END = RIGHT;
  const inner = (length: number, hopLimit = 64) =>
    packet({ source: LEFT, destination: address('2001:db8:f::100'), payload: new Uint8Array(length - 40), hopLimit });

  test('3.1: the inner packet goes in whole, its hop limit one less', () => {
    const { ipv6, right } = router();
    expect(ipv6.tunnel(START, inner(500), AGENT, FAR_END)).toBe('sent');
    const [frame] = right.frames;
    expect(header(frame)).toMatchObject({ source: AGENT, destination: FAR_END, nextHeader: 41, payloadLength: 500 });
    expect(frame?.bytes.subarray(40)).toEqual(inner(500, 63));
  });

  test('3.1: an inner hop limit that runs out gets Time Exceeded', () => {
    const { ipv6, left, right } = router();
    expect(ipv6.tunnel(START, inner(500, 1), AGENT, FAR_END)).toBe('dropped');
    expect(right.frames).toEqual([]);
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 3, code: 0 });
  });

  const nested = (limit: number, length = 500) =>
    packet({
      source: LEFT,
      destination: address('2001:db8:f::100'),
      extensions: [hopByHop(), destinationOptions({ type: 4, data: Uint8Array.of(limit) })],
      protocol: PROTOCOL.ipv6,
      payload: inner(length),
    });

  test('4.1.1: a packet that may enter no further tunnel is refused, with a pointer to its limit', () => {
    const { ipv6, left, right } = router();
    expect(ipv6.tunnel(START, nested(0), AGENT, FAR_END)).toBe('dropped');
    expect(right.frames).toEqual([]);
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 4, code: 0, parameter: 40 + 8 + 4 });
  });

  test('4.1.1: one that may, takes a limit that is one less along on the outside', () => {
    const { ipv6, right } = router();
    expect(ipv6.tunnel(START, nested(3), AGENT, FAR_END)).toBe('sent');
    const [frame] = right.frames;
    expect(header(frame)).toMatchObject({ nextHeader: PROTOCOL.destinationOptions });
    expect([...(frame?.bytes.subarray(40, 48) ?? [])]).toEqual([41, 0, 4, 1, 2, 1, 1, 0]);
    expect(frame?.bytes.length).toBe(40 + 8 + nested(3).length);
    // Its header comes off what fits.
    expect(ipv6.tunnel(START, nested(3, 1400), AGENT, FAR_END)).toBe('too-big');
  });

  test('4: what came through the tunnel does not enter it again', () => {
    const { ipv6, right } = router();
    expect(ipv6.tunnel(START, packet({ source: AGENT, destination: FAR_END }), AGENT, FAR_END)).toBe('dropped');
    expect(right.frames).toEqual([]);
  });

  test('7.1: larger than the tunnel gets Packet Too Big with the tunnel MTU, sent to the inner source', () => {
    const { ipv6, left, right } = router();
    expect(ipv6.tunnel(START, inner(1461), AGENT, FAR_END)).toBe('too-big');
    expect(right.frames).toEqual([]);
    expect(header(left.frames[0]).destination).toEqual(LEFT);
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 2, parameter: 1460 });
    expect(ipv6.tunnel(START, inner(1460), AGENT, FAR_END)).toBe('sent');
    expect(right.frames.map((frame) => frame.bytes.length)).toEqual([1500]);
  });

  test('7.1: an inner packet of the minimum MTU is carried in fragments of the outer one', () => {
    const { ipv6, left, right } = router({ rightMtu: 1280 });
    expect(ipv6.tunnel(START, inner(1280), AGENT, FAR_END)).toBe('sent');
    expect(left.frames).toEqual([]);
    expect(right.frames.length).toBe(2);
    for (const frame of right.frames) expect(header(frame).nextHeader).toBe(PROTOCOL.fragment);

    const end = world();
    const tunnelled = new Recorder();
    end.ipv6.addAddress(FAR_END);
    end.ipv6.register(PROTOCOL.ipv6, tunnelled);
    end.arrive(START, ...right.frames.map((frame) => frame.bytes));
    expect(tunnelled.packets.map((p) => p.payload)).toEqual([inner(1280, 63)]);
    expect(ipv6.tunnel(START, inner(1281), AGENT, FAR_END)).toBe('too-big');
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 2, parameter: 1280 });
  });

  /** A packet that the agent has really sent through the tunnel. */
  function outer({ ipv6, right }: ReturnType<typeof router>, bytes: Uint8Array): Uint8Array {
    ipv6.tunnel(START, bytes, AGENT, FAR_END);
    const frame = right.frames.pop();
    if (frame === undefined) throw new Error('nothing went through the tunnel');
    return frame.bytes;
  }

  test('8.2: Packet Too Big from inside the tunnel lowers its MTU and is relayed to the inner source', () => {
    const made = router();
    const { ipv6, left, right } = made;
    right.put(icmpError(outer(made, inner(1460)).subarray(0, 1200), 2, 0, 1400, AGENT));
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 2, parameter: 1360 });
    expect(header(left.frames[0]).destination).toEqual(LEFT);
    expect(ipv6.tunnel(START, inner(1361), AGENT, FAR_END)).toBe('too-big');
  });

  test('8.2: a tunnel end that cannot be reached is Unreachable code 3 to the inner source', () => {
    const made = router();
    const { left, right } = made;
    right.put(icmpError(outer(made, inner(200)), 3, 0, 0, AGENT));
    expect(icmpOf(left.frames[0])).toMatchObject({ type: 1, code: 3, quoted: inner(200, 63) });
  });

  test('8: a tunnel error hook that takes the error relays it in its own way', () => {
    const made = router();
    const { ipv6, left, right } = made;
    ipv6.addHooks({ tunnelError: { tunnelError: () => 'taken' } });
    right.put(icmpError(outer(made, inner(200)), 3, 0, 0, AGENT));
    expect(left.frames).toEqual([]);
  });

  test('8: what we put into the tunnel ourselves is reported to our own upper layer', () => {
    const { upper, arrive, ipv6, sent } = world();
    const { buffer, start } = ipv6.allocate(1420);
    const ours = { source: HOST, destination: LEFT, protocol: TEST_PROTOCOL, buffer, start, end: start + 1420 };
    ipv6.sendVia(START, ours, { tunnel: { source: HOST, destination: RIGHT } });
    const wrapped = sent()[0]?.bytes.subarray(0, 1200) ?? new Uint8Array();
    arrive(START, icmpError(wrapped, 2, 0, 1400));
    expect(upper.errors).toMatchObject([{ kind: 'packet-too-big', parameter: 1360, local: HOST, remote: LEFT }]);
    expect(upper.pathChanges).toEqual([[undefined, undefined]]);
  });
});
