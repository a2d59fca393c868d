import { describe, expect, test } from 'vitest';
import { address } from '../../stack/wire/address.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import {
  at,
  echoRequest,
  fragment,
  HOME,
  HOST,
  header,
  homeAddressOption,
  icmp,
  icmpError,
  icmpOf,
  PEER,
  packet,
  Recorder,
  ROUTER,
  routing2,
  START,
  sendFrom,
  TEST_PROTOCOL,
  type World,
  world,
} from './world.ts';

/** A packet that the host really has sent. */
function sentOf(made: World, payload: Uint8Array): Uint8Array {
  sendFrom(made.ipv6, START, payload);
  const [frame, more] = made.sent();
  if (frame === undefined || more !== undefined) throw new Error('not one packet');
  return frame.bytes;
}

const big = (made: World): Uint8Array => sentOf(made, new Uint8Array(1400));

const TUNNEL = { source: HOST, destination: ROUTER };

const DATA = Uint8Array.of(5, 6, 7);
const ICMP = PROTOCOL.icmpv6;

describe('echo', () => {
  test('RFC 4443 4.2: a request is answered with the same identifier, sequence number and data', () => {
    const { arrive, sent } = world();
    arrive(START, packet({ protocol: ICMP, payload: echoRequest(DATA) }));
    const [reply] = sent();
    expect(header(reply)).toMatchObject({ source: HOST, destination: PEER });
    expect(icmpOf(reply)).toEqual({ kind: 'echo-reply', identifier: 7, sequence: 9, data: DATA });
  });

  test('RFC 4443 4.2: a request to all nodes is answered from a unicast address', () => {
    const { arrive, sent } = world();
    const destination = address('ff02::1');
    arrive(START, packet({ destination, protocol: ICMP, payload: echoRequest(DATA, PEER, destination) }));
    expect(header(sent()[0])).toMatchObject({ source: HOST, destination: PEER });
  });

  test('RFC 4443 2.3: a wrong checksum is dropped', () => {
    const { arrive, sent, drops } = world();
    const payload = echoRequest(DATA);
    payload[8] = 0xff;
    arrive(START, packet({ protocol: ICMP, payload }));
    expect(drops('icmp-checksum')).toBe(1);
    expect(sent()).toEqual([]);
  });

  test('replies and other messages go to who registered for ICMPv6', () => {
    const { arrive, ipv6, sent } = world();
    const user = new Recorder();
    ipv6.register(ICMP, user);
    const reply = icmp({ kind: 'echo-reply', identifier: 1, sequence: 2, data: DATA });
    arrive(START, packet({ protocol: ICMP, payload: reply }));
    expect(user.packets.map((p) => p.payload)).toEqual([reply]);
    expect(sent()).toEqual([]);
  });
});

describe('errors we send', () => {
  const refusing = () => {
    const made = world();
    made.upper.verdict = 'port-unreachable';
    return made;
  };

  test('RFC 4443 2.4(c): as much is quoted as fits the minimum MTU', () => {
    const { arrive, sent } = refusing();
    const offending = packet({ payload: new Uint8Array(1400) });
    arrive(START, offending);
    const [answer] = sent();
    expect(answer?.bytes.length).toBe(1280);
    expect(icmpOf(answer)).toMatchObject({ quoted: offending.subarray(0, 1232) });
  });

  test('RFC 4443 2.4(c): with the headers of a detour it still fits the minimum MTU', () => {
    const { arrive, sent, ipv6 } = refusing();
    ipv6.addHooks({ output: { detour: () => ({ careOfDestination: ROUTER, tunnel: TUNNEL }) } });
    arrive(START, packet({ payload: new Uint8Array(1400) }));
    expect(sent().map((frame) => frame.bytes.length)).toEqual([1280]);
  });

  test('RFC 4443 2.4(e.1): none for an ICMPv6 error, none for a Redirect', () => {
    const { arrive, sent, ipv6 } = world();
    ipv6.register(ICMP, new Recorder());
    const unknownOption = { protocol: 60, emit: (next: number) => Uint8Array.of(next, 0, 0x9e, 4, 0, 0, 0, 0) };
    const withOption = (payload: Uint8Array) => packet({ extensions: [unknownOption], protocol: ICMP, payload });
    arrive(START, withOption(icmp({ kind: 'error', type: 1, code: 0, parameter: 0, quoted: packet() })));
    arrive(START, withOption(icmp({ kind: 'error', type: 100, code: 0, parameter: 0, quoted: packet() })));
    arrive(START, withOption(icmp({ kind: 'other', type: 137, code: 0, body: new Uint8Array(36) })));
    expect(sent()).toEqual([]);
    arrive(START, withOption(echoRequest(DATA)));
    expect(icmpOf(sent()[0])).toMatchObject({ type: 4, code: 2 });
  });

  test('RFC 4443 2.4(e.3): none for a multicast destination', () => {
    const { arrive, sent } = world();
    arrive(START, packet({ destination: address('ff02::1'), protocol: 200 }));
    expect(sent()).toEqual([]);
  });

  test('RFC 4443 2.4(e.6): none to the unspecified address', () => {
    const { arrive, sent } = world();
    arrive(START, packet({ source: address('::'), protocol: 200 }));
    expect(sent()).toEqual([]);
  });

  test('RFC 4443 2.4(f): a flood is answered at a bounded rate', () => {
    const { arrive, sent, ipv6 } = refusing();
    const flood = new Array(1000).fill(packet());
    arrive(START, ...flood);
    expect(sent().length).toBe(50);
    expect(ipv6.counters.get('icmp.rate-limited')).toBe(950);
    arrive(at(100), ...flood);
    expect(sent().length).toBe(10);
  });
});

describe('errors that come in', () => {
  const ours = (made: World, size = 4) => sentOf(made, new Uint8Array(size).fill(7));

  test.each([
    [1, 4, 0, 'unreachable'],
    [2, 0, 1400, 'packet-too-big'],
    [3, 0, 0, 'time-exceeded'],
    [4, 1, 6, 'parameter-problem'],
  ] as const)('RFC 4443 2.4(d): type %i is reported to the upper layer it is about', (type, code, parameter, kind) => {
    const made = world();
    const { arrive, upper } = made;
    arrive(START, icmpError(ours(made), type, code, parameter));
    expect(upper.errors).toEqual([
      {
        kind,
        code,
        parameter,
        local: HOST,
        remote: PEER,
        protocol: TEST_PROTOCOL,
        quoted: new Uint8Array(4).fill(7),
      },
    ]);
  });

  test('RFC 4443 2.4(a): an error of a type that is not known is reported too', () => {
    const made = world();
    made.arrive(START, icmpError(ours(made), 100, 3, 17));
    expect(made.upper.errors).toMatchObject([{ kind: 'unknown', code: 3, local: HOST, remote: PEER }]);
  });

  test('an error about a packet that is not ours is dropped', () => {
    const { arrive, upper, drops, ipv6 } = world();
    arrive(START, icmpError(packet({ source: ROUTER, destination: PEER, payload: new Uint8Array(1400) }), 2, 0, 1300));
    expect(upper.errors).toEqual([]);
    expect(drops('icmp-error-not-ours')).toBe(1);
    expect(ipv6.path(START, HOST, PEER).mtu).toBe(1500);
  });

  test('an error about a fragment other than the first reaches no upper layer', () => {
    const { arrive, upper } = world();
    const extensions = [fragment({ offset: 1232, more: false, id: 1 })];
    arrive(START, icmpError(packet({ source: HOST, destination: PEER, extensions }), 1, 0));
    expect(upper.errors).toEqual([]);
  });

  test('RFC 6275 6.3, 6.4: a quote with home addresses is reported under them', () => {
    const { arrive, upper, ipv6 } = world();
    ipv6.addAddress(HOME);
    const remoteHome = address('2001:db8:e::1');
    const extensions = [routing2(remoteHome), homeAddressOption(HOME)];
    arrive(START, icmpError(packet({ source: HOST, destination: PEER, extensions }), 1, 3));
    expect(upper.errors).toMatchObject([{ local: HOME, remote: remoteHome, kind: 'unreachable', code: 3 }]);
  });

  test('RFC 6275 11.3.3: a quote from behind the routing header names the home address as destination', () => {
    const { arrive, upper } = world();
    const remoteHome = address('2001:db8:e::1');
    const bytes = packet({ source: HOST, destination: remoteHome, extensions: [routing2(PEER)] });
    bytes[43] = 0;
    arrive(START, icmpError(bytes, 1, 4));
    expect(upper.errors).toMatchObject([{ local: HOST, remote: remoteHome }]);
  });

  test('the tunnel error hook is asked first where a packet went by a detour, and may take the error', () => {
    const made = world();
    const { arrive, upper, ipv6 } = made;
    ipv6.addAddress(HOME);
    const seen: unknown[] = [];
    ipv6.addHooks({
      tunnelError: {
        tunnelError(_now, error) {
          seen.push([error.type, error.code, error.parameter, error.credible]);
          return 'taken';
        },
      },
    });
    const quoted = packet({ source: HOST, destination: PEER, extensions: [homeAddressOption(HOME)] });
    arrive(START, icmpError(quoted, 4, 2, 46));
    arrive(START, icmpError(ours(made), 1, 0));
    expect(seen).toEqual([[4, 2, 46, false]]);
    expect(upper.errors.length).toBe(1);
  });
});

describe('RFC 8201: path MTU', () => {
  test('4: Packet Too Big lowers the MTU of the path, and the upper layer hears of it', () => {
    const made = world();
    const { arrive, ipv6, upper } = made;
    arrive(START, icmpError(big(made).subarray(0, 1200), 2, 0, 1300));
    expect(ipv6.path(START, HOST, PEER).mtu).toBe(1300);
    expect(ipv6.path(START, HOST, ROUTER).mtu).toBe(1500);
    expect(upper.pathChanges).toEqual([[HOST, PEER]]);
  });

  test.each([
    ['4, RFC 8021 3: a report below 1280 is discarded', 1400, 1279],
    ['4: a report never raises the MTU', 1400, 9000],
    ['6: a report about a packet that would have fitted is not believed', 4, 1300],
  ])('%s', (_name, size, mtu) => {
    const made = world();
    const { arrive, ipv6, upper } = made;
    arrive(START, icmpError(sentOf(made, new Uint8Array(size)), 2, 0, mtu));
    expect(ipv6.path(START, HOST, PEER).mtu).toBe(1500);
    expect(upper.pathChanges).toEqual([]);
  });

  test('4: an entry ages after ten minutes, and the upper layer hears of that too', () => {
    const made = world();
    const { arrive, ipv6, upper, timers } = made;
    arrive(START, icmpError(big(made), 2, 0, 1300));
    timers.runDue(at(599_999));
    expect(ipv6.path(at(599_999), HOST, PEER).mtu).toBe(1300);
    timers.runDue(at(600_000));
    expect(ipv6.path(at(600_000), HOST, PEER).mtu).toBe(1500);
    expect(upper.pathChanges.length).toBe(2);
  });

  test('6: a report that quotes what we have not sent is not believed, nor told to anybody', () => {
    const made = world();
    const { arrive, ipv6, upper, drops } = made;
    const quoted = big(made).slice(0, 100);
    for (let label = 0; label < 2000; label++) {
      quoted[1] = (quoted[1] ?? 0) & 0xf0;
      quoted[2] = label >>> 8;
      quoted[3] = label;
      arrive(START, icmpError(quoted, 2, 0, 1300));
    }
    expect(ipv6.path(START, HOST, PEER).mtu).toBe(1500);
    expect(upper.errors).toEqual([]);
    expect(drops('packet-too-big-made-up')).toBe(2000);
  });

  test('6: a layer that keeps track of what is under way is asked', () => {
    const made = world();
    const asked: unknown[] = [];
    let underWay = false;
    made.upper.isUnderWay = (local, remote, quoted) => {
      asked.push([local, remote, quoted.length]);
      return underWay;
    };
    const report = icmpError(big(made).subarray(0, 1200), 2, 0, 1300);
    made.arrive(START, report);
    expect(made.ipv6.path(START, HOST, PEER).mtu).toBe(1500);
    underWay = true;
    made.arrive(START, report);
    expect(made.ipv6.path(START, HOST, PEER).mtu).toBe(1300);
    expect(asked).toEqual(new Array(2).fill([HOST, PEER, 1160]));
  });

  test('6: of a tunnel, the label and the quoted inner packet have to agree', () => {
    const made = world();
    const { buffer, start } = made.ipv6.allocate(1400);
    const inner = { source: HOST, destination: PEER, protocol: TEST_PROTOCOL, buffer, start, end: start + 1400 };
    made.ipv6.sendVia(START, inner, { tunnel: TUNNEL });
    const outer = made.sent()[0]?.bytes.subarray(0, 1200) ?? new Uint8Array();
    const forged = outer.slice();
    forged[40 + 39] = 9; // another inner destination
    made.arrive(START, icmpError(forged, 2, 0, 1300));
    expect(made.ipv6.path(START, HOST, ROUTER).mtu).toBe(1500);
    made.arrive(START, icmpError(outer, 2, 0, 1300));
    expect(made.ipv6.path(START, HOST, ROUTER).mtu).toBe(1300);
  });

  test('the table is bounded: the oldest path is forgotten', () => {
    const { ipv6 } = world();
    const peer = (i: number) => address(`2001:db8:77:${i.toString(16)}::1`);
    for (let i = 0; i <= 1024; i++) ipv6.reportBlackHole(START, HOST, peer(i), 1500);
    expect(ipv6.path(START, HOST, peer(0)).mtu).toBe(1500);
    expect(ipv6.path(START, HOST, peer(1)).mtu).toBe(1280);
    expect(ipv6.path(START, HOST, peer(1024)).mtu).toBe(1280);
  });

  test('a black hole brings the path to the minimum MTU; small packets that vanish say nothing', () => {
    const { ipv6 } = world();
    ipv6.reportBlackHole(START, HOST, PEER, 1280);
    expect(ipv6.path(START, HOST, PEER).mtu).toBe(1500);
    ipv6.reportBlackHole(START, HOST, PEER, 1500);
    expect(ipv6.path(START, HOST, PEER).mtu).toBe(1280);
  });

  test('4: what is too big for the path is refused to TCP and fragmented for others', () => {
    const made = world();
    const { arrive, ipv6, sent } = made;
    arrive(START, icmpError(big(made), 2, 0, 1300));
    expect(sendFrom(ipv6, START, new Uint8Array(1300), { protocol: PROTOCOL.tcp })).toBe('too-big');
    expect(sent()).toEqual([]);
    expect(sendFrom(ipv6, START, new Uint8Array(1300))).toBe('sent');
    expect(sent().map((frame) => frame.bytes.length)).toEqual([1296, 100]);
  });
});
