// TunDevice against the kernel, in namespaces of its own: frames with and without offloads both ways, and what
// happens when the interface goes away.

import { readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../stack/core/bytes.ts';
import type { Instant } from '../../stack/core/time.ts';
import type { Frame, Offload } from '../../stack/device/device.ts';
import { cutSuperFrame } from '../../stack/device/segment.ts';
import { address } from '../../stack/wire/address.ts';
import { emitRoutingHeader2, ROUTING_HEADER_2_LEN } from '../../stack/wire/extension-header.ts';
import { parseIcmpv6 } from '../../stack/wire/icmpv6.ts';
import { IPV6_HEADER_LEN, PROTOCOL, parseIpv6Header } from '../../stack/wire/ipv6.ts';
import { emitHomeAddressDestinationOptions, HOME_ADDRESS_HEADER_LEN } from '../../stack/wire/option.ts';
import { seq, seqAdd } from '../../stack/wire/seq.ts';
import { parseTcpHeader, TCP_FLAG } from '../../stack/wire/tcp.ts';
import { MonotonicClock } from '../../tun/clock.ts';
import { openTun, type TunDevice, type TunOptions } from '../../tun/tun-device.ts';
import { eventually, Netns, requireOrSkip } from '../netns/support.ts';
import { afterOneHop, type Extension, icmpv6Packet, tcpFrame } from './packets.ts';

const clock = new MonotonicClock();
const NOW = 0 as Instant;
const KERNEL = address('2001:db8:1::1');
const US = address('2001:db8:1::2');
const FAR = address('2001:db8:2::2');
const HOME = address('2001:db8:f::1');
const MTU = 1500;

const echoRequest = icmpv6Packet(
  { source: US, destination: KERNEL },
  { kind: 'echo-request', identifier: 1, sequence: 1, data: new Uint8Array(8) },
);

let netns: Netns;
const devices: TunDevice[] = [];

function open(options: Partial<TunOptions> = {}): TunDevice {
  const device = openTun({ name: 'tun-a', netns: netns.path, mtu: MTU, offloads: 'tso', clock, ...options });
  devices.push(device);
  return device;
}

/** `nodad`: without it the kernel keeps the address tentative for a moment and drops the first packet to it. */
const giveKernelItsAddress = (): string => netns.ip('address', 'add', `${KERNEL}/64`, 'dev', 'tun-a', 'nodad');

/** Copies what arrives: frames are lent. */
function collect(device: TunDevice): Frame[] {
  const got: Frame[] = [];
  device.onFrames((_now, frames) => {
    for (const frame of frames) got.push({ ...frame, bytes: frame.bytes.slice() });
  });
  return got;
}

describe.skipIf(!requireOrSkip('tun'))('TunDevice', () => {
  beforeEach(() => {
    netns = new Netns();
  });
  afterEach(() => {
    for (const device of devices.splice(0)) device.close();
    netns.close();
  });

  test('is made in the namespace asked for, up, with its MTU and a long queue; this process stays where it was', () => {
    const before = readlinkSync('/proc/self/ns/net');
    open({ mtu: 1400 });
    const link = netns.ip('link', 'show', 'tun-a');
    expect(link).toContain('UP');
    expect(link).toContain('mtu 1400');
    expect(link).toContain('qlen 16384');
    expect(devices[0]?.queueFrames).toBe(16_384);
    expect(readlinkSync('/proc/self/ns/net')).toBe(before);
  });

  test('has no link-local address, so that the kernel sends nothing of its own', () => {
    open();
    expect(netns.ip('address', 'show', 'tun-a')).not.toContain('fe80');
  });

  test.skipIf(!requireOrSkip('ping'))(
    'RFC 4443 4.2: a ping of the kernel is answered by an echo over the device',
    async () => {
      const device = open();
      giveKernelItsAddress();
      device.onFrames((now, frames) => {
        for (const frame of frames) echo(device, now, frame);
      });
      const ping = await netns.run('ping', ['-6', '-c', '5', '-i', '0.01', '-s', '1000', '-W', '2', US.toString()]);
      expect(ping.stdout).toContain('5 packets transmitted, 5 received, 0% packet loss');
      expect(device.counters()).toMatchObject({ 'sent-frames': 5, 'dropped-invalid': 0 });
    },
  );

  test('a ping of ours is answered by the kernel', async () => {
    const device = open({ offloads: 'none' });
    giveKernelItsAddress();
    const got = collect(device);
    const request = { identifier: 7, sequence: 9, data: Uint8Array.of(1, 2, 3) };
    const ends = { source: US, destination: KERNEL };
    device.send(NOW, [{ bytes: icmpv6Packet(ends, { kind: 'echo-request', ...request }) }]);
    const reply = icmpv6Packet({ source: KERNEL, destination: US }, { kind: 'echo-reply', ...request });
    await eventually('the reply', () => got.some(({ bytes }) => bytes[6] === PROTOCOL.icmpv6));
    expect(got.map(({ bytes }) => toHex(bytes.subarray(IPV6_HEADER_LEN)))).toContain(
      toHex(reply.subarray(IPV6_HEADER_LEN)),
    );
  });

  test('a super-frame of the kernel comes in whole, with its segment size and where its checksum goes', async () => {
    const device = open();
    giveKernelItsAddress();
    const superFrames: { length: number; offload: Offload | undefined }[] = [];
    device.onFrames((now, frames) => {
      for (const frame of frames) {
        if (frame.bytes.length > MTU) superFrames.push({ length: frame.bytes.length, offload: frame.offload });
        acceptTcp(device, now, frame);
      }
    });
    const script = `require('net').connect({ host: '${US}', port: 80 }).end(Buffer.alloc(40000))`;
    const client = netns.spawn(process.execPath, ['-e', script]);
    await eventually('a super-frame', () => superFrames.length > 0);
    client.kill('SIGKILL');
    expect(superFrames[0]?.offload).toEqual({ gsoSize: 1400, checksumStart: 40, checksumOffset: 16 });
    expect(superFrames[0]?.length).toBeGreaterThan(2 * 1400);
  });

  test('without offloads the kernel cuts and completes before it hands a frame over', async () => {
    const device = open({ offloads: 'none' });
    giveKernelItsAddress();
    const got = collect(device);
    const script = `require('net').connect({ host: '${US}', port: 80 })`;
    const client = netns.spawn(process.execPath, ['-e', script]);
    await eventually('a SYN', () => got.some(({ bytes }) => bytes[6] === PROTOCOL.tcp));
    client.kill('SIGKILL');
    expect(got.every((frame) => frame.offload === undefined)).toBe(true);
  });

  describe('a super-frame of ours', () => {
    const homeAddress: Extension = {
      type: PROTOCOL.destinationOptions,
      emit: (into, at) => emitHomeAddressDestinationOptions(PROTOCOL.tcp, HOME, into, at),
      length: HOME_ADDRESS_HEADER_LEN,
    };
    const routing: Extension = {
      type: PROTOCOL.routing,
      emit: (into, at) => emitRoutingHeader2(PROTOCOL.tcp, HOME, into, at),
      length: ROUTING_HEADER_2_LEN,
    };
    const ends = { source: US, destination: FAR };
    const tcp = { sourcePort: 1, destinationPort: 2, seq: seq(0xfffffff0), ack: seq(5), window: 1000 };
    const options = { timestamp: { value: 77, echo: 88 } };
    const payload = Uint8Array.from({ length: 10_000 }, (_, i) => i * 7);
    const push = TCP_FLAG.ack | TCP_FLAG.psh;

    /** Sends a frame through the namespace as router and returns what comes out at its other side. */
    async function route(frame: Frame, offloads: TunOptions['offloads'], expected: number): Promise<Frame[]> {
      const device = open();
      const got = collect(open({ name: 'tun-b', offloads }));
      await netns.run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding']);
      netns.ip('route', 'add', '2001:db8:1::/64', 'dev', 'tun-a');
      netns.ip('route', 'add', '2001:db8:2::/64', 'dev', 'tun-b');
      device.send(NOW, [frame]);
      const relevant = () => got.filter(({ bytes }) => parsedDestination(bytes) === FAR.toString());
      await eventually(`${expected} frames`, () => relevant().length >= expected);
      return relevant();
    }

    test.each([
      ['plain', tcpFrame(ends, { ...tcp, flags: push, options }, payload, 1400)],
      ['with a last segment that is full', tcpFrame(ends, { ...tcp, flags: push, options }, payload, 1250)],
      [
        'with a Home Address option',
        tcpFrame(ends, { ...tcp, flags: push, options }, payload, 1400, homeAddress, { ...ends, source: HOME }),
      ],
      [
        'with a type 2 routing header',
        tcpFrame(ends, { ...tcp, flags: push }, payload, 1400, routing, { ...ends, destination: HOME }),
      ],
      ['with FIN and CWR', tcpFrame(ends, { ...tcp, flags: push | TCP_FLAG.fin | TCP_FLAG.cwr }, payload, 1400)],
    ])('%s: the kernel cuts it as stack/device/segment does', async (_name, frame) => {
      const segments = cutSuperFrame(frame).map(afterOneHop);
      const got = await route(frame, 'none', segments.length);
      expect(got.map(({ bytes }) => toHex(bytes))).toEqual(segments.map(toHex));
    });

    test('passes whole where the other side can cut', async () => {
      const frame = tcpFrame(ends, { ...tcp, flags: push }, payload, 1400);
      const got = await route(frame, 'tso', 1);
      expect(got).toEqual([{ bytes: afterOneHop(frame.bytes), offload: frame.offload }]);
    });
  });

  test('a packet over the MTU, or a super-frame whose segments would be, is dropped and counted', () => {
    const device = open({ mtu: 1280 });
    const ends = { source: US, destination: KERNEL };
    const tcp = { sourcePort: 1, destinationPort: 2, seq: seq(1), ack: seq(1), window: 1, flags: TCP_FLAG.ack };
    device.send(NOW, [{ bytes: new Uint8Array(1281) }, tcpFrame(ends, tcp, new Uint8Array(5000), 1221)]);
    expect(device.counters()).toMatchObject({ 'dropped-over-mtu': 2, 'sent-frames': 0 });
    device.send(NOW, [tcpFrame(ends, tcp, new Uint8Array(5000), 1220)]);
    expect(device.counters()).toMatchObject({ 'dropped-over-mtu': 2, 'sent-frames': 1 });
  });

  test('frames that the kernel refuses are dropped and counted: link down, no IP version', () => {
    const device = open();
    device.send(NOW, [{ bytes: new Uint8Array(100) }, { bytes: echoRequest }]);
    netns.ip('link', 'set', 'tun-a', 'down');
    device.send(NOW, [{ bytes: echoRequest }, { bytes: echoRequest }]);
    expect(device.counters()).toMatchObject({ 'dropped-invalid': 1, 'dropped-down': 2, 'sent-frames': 1 });
  });

  test('a batch larger than the table goes out whole', () => {
    const device = open();
    const frames = Array.from({ length: 1000 }, () => ({ bytes: echoRequest }));
    device.send(NOW, frames);
    expect(device.counters()).toMatchObject({ 'sent-frames': 1000, 'sent-bytes': 1000 * echoRequest.length });
  });

  test('an incomplete checksum for a device without checksum offload is an error of its sender', () => {
    const device = open({ offloads: 'none' });
    const offload = { gsoSize: 0, checksumStart: 40, checksumOffset: 16 };
    expect(() => device.send(NOW, [{ bytes: new Uint8Array(60), offload }])).toThrow('no checksum offload');
  });

  test('tells once that it is gone when the interface is deleted', async () => {
    const device = open();
    const reasons: string[] = [];
    device.onClosed((reason) => reasons.push(reason));
    netns.ip('link', 'delete', 'tun-a');
    await eventually('the event', () => reasons.length > 0);
    device.send(NOW, [{ bytes: new Uint8Array(100) }]);
    device.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(reasons).toEqual(['interface tun-a is gone (EBADF)']);
  });

  test('close() deletes the interface, is no event, and may be called again', async () => {
    const device = open();
    const reasons: string[] = [];
    device.onClosed((reason) => reasons.push(reason));
    device.close();
    device.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(() => netns.ip('link', 'show', 'tun-a')).toThrow('does not exist');
    expect(reasons).toEqual([]);
  });

  test.each<[string, Partial<TunOptions>, string]>([
    ['a name in use', { name: 'tun-a' }, 'another process has it open'],
    ['a name of another kind of interface', { name: 'lo' }, 'is no TUN interface'],
    ['a namespace that is not there', { netns: 'hp-nowhere' }, 'no network namespace at /run/netns/hp-nowhere'],
    ['a file that is no namespace', { netns: '/dev/null' }, '/dev/null is not a network namespace'],
    ['a name that is too long', { name: 'sixteen-letters-' }, "not a name for an interface: 'sixteen-letters-'"],
    ['an MTU below that of IPv6', { name: 'tun-b', mtu: 1279 }, 'not an MTU for IPv6: 1279'],
  ])('refuses %s in one line', (_name, options, reason) => {
    open();
    expect(() => open(options)).toThrow(reason);
  });
});

function echo(device: TunDevice, now: Instant, { bytes }: Frame): void {
  const ip = parseIpv6Header(bytes);
  if (!ip.ok || ip.value.nextHeader !== PROTOCOL.icmpv6) return;
  const message = parseIcmpv6(bytes, ip.end, bytes.length);
  if (!message.ok || message.value.kind !== 'echo-request') return;
  const ends = { source: ip.value.destination, destination: ip.value.source };
  device.send(now, [{ bytes: icmpv6Packet(ends, { ...message.value, kind: 'echo-reply' }) }]);
}

/** Enough of a TCP server for a client to send its first window: answers a SYN, offers an MSS of 1400. */
function acceptTcp(device: TunDevice, now: Instant, { bytes }: Frame): void {
  const ip = parseIpv6Header(bytes);
  const tcp = ip.ok && ip.value.nextHeader === PROTOCOL.tcp ? parseTcpHeader(bytes, ip.end, bytes.length) : undefined;
  if (!ip.ok || tcp?.ok !== true || (tcp.value.flags & TCP_FLAG.syn) === 0) return;
  const ends = { source: ip.value.destination, destination: ip.value.source };
  const { sourcePort, destinationPort } = tcp.value;
  const ports = { sourcePort: destinationPort, destinationPort: sourcePort };
  const reply = {
    ...ports,
    seq: seq(1),
    ack: seqAdd(tcp.value.seq, 1),
    window: 0xffff,
    flags: TCP_FLAG.syn | TCP_FLAG.ack,
  };
  device.send(now, [tcpFrame(ends, { ...reply, options: { mss: 1400 } }, new Uint8Array(0))]);
}

const parsedDestination = (bytes: Uint8Array): string | undefined => {
  const ip = parseIpv6Header(bytes);
  return ip.ok ? ip.value.destination.toString() : undefined;
};
