// Floods from a host that can send under any name but sees nothing of what others send: forged Mobility Headers, ICMPv6
// errors and tunnels, at a member with a live download, at its client and at the home agent. Nothing is torn down, what is
// kept does not grow, and what is sent because of it has its bounds: all counted, on the virtual clock.

import { beforeEach, describe, expect, test } from 'vitest';
import { setU16, u8 } from '../../stack/core/bytes.ts';
import { after, milliseconds, seconds } from '../../stack/core/time.ts';
import type { Device } from '../../stack/device/device.ts';
import { type Address, address, prefix } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import { IPV6_FIELD, PROTOCOL } from '../../stack/wire/ipv6.ts';
import { BINDING_ERROR, MH, type MobilityMessage } from '../../stack/wire/mobility.ts';
import { echoRequest, icmpPacket, mobilityPacket, packet, tunnelPacket } from '../mobility/packets.ts';
import { BulkApp } from './apps.ts';
import { type Download, download } from './download.ts';
import { findHeader } from './find-header.ts';
import { CONTACT, HOME_AGENT, World } from './world.ts';

const PORT = 80;
const ENDLESS = 1e9;
const SEED = 12;
const FLOOD_MS = 2000;
/** Two each millisecond. */
const PACKETS = 2 * FLOOD_MS;
const ATTACKER = address('2001:db8:e::1');

type Icmp = 'errors' | 'echoes';

class Scene {
  readonly world = new World({
    seed: SEED,
    latencies: { donorAcceptor: 10, clientDonor: 10, clientAcceptor: 10, home: 5 },
  });
  readonly attacker: Device;
  readonly download: Download;
  /** Mobility Headers that each node has sent, by type; ICMPv6 errors as 'errors', other ICMPv6 as 'echoes'. */
  readonly sent = new Map<string, number>();

  constructor() {
    const { world } = this;
    this.attacker = world.internet.attach('e', [prefix('2001:db8:e::/64')]);
    const delay = { delay: milliseconds(10) };
    for (const node of ['a', 'b', 'c', 'home']) world.internet.join('e', node, delay);
    for (const [from, to] of [
      ['a', 'c'],
      ['a', 'home'],
      ['home', 'c'],
    ] as const)
      world.internet.join(from, to, { rate: 20e6, queueBytes: 1e6 });
    world.internet.taps.push((_now, event, from, _to, bytes) => {
      if (event === 'sent' && from !== 'e') this.#note(from, bytes);
    });
    world.start(() => new Map([[PORT, new BulkApp(ENDLESS)]]));
    this.download = download(world, PORT, world.c, { maxReceiveBuffer: 200_000 });
    const bound = (): boolean => this.state === 'bound';
    expect(world.runUntil(bound, after(world.now, seconds(5)))).toBe(true);
    world.runFor(seconds(1));
    this.sent.clear();
  }

  get client(): Address {
    return this.world.c.careOf;
  }

  get member(): Address {
    return this.world.a.careOf;
  }

  get state(): string {
    return this.world.a.member.mobile.stateOf(this.client);
  }

  /** How many timers are set: everything that is kept of a stranger has one. */
  get kept(): number {
    return this.world.timers.size;
  }

  count(node: string, what: number | Icmp): number {
    return this.sent.get(`${node} ${what}`) ?? 0;
  }

  flood(make: (i: number) => Uint8Array): void {
    const { world } = this;
    for (let i = 0; i < PACKETS; i++) {
      this.attacker.send(world.now, [{ bytes: make(i) }]);
      if (i % 2 === 1) world.runFor(milliseconds(1));
    }
  }

  /** The stream is whole, goes on, and by the direct path. */
  expectAlive(): void {
    const { progress } = this.download;
    const { received } = progress;
    this.world.runFor(seconds(1));
    expect(progress).toMatchObject({ wrongAt: -1, closed: false, error: undefined });
    expect(progress.received - received).toBeGreaterThan(1_000_000);
    expect(this.state).toBe('bound');
    expect(this.world.internet.unroutable).toBe(0);
  }

  #note(node: string, bytes: Uint8Array): void {
    const mobility = findHeader(bytes, PROTOCOL.mobility);
    const icmp = findHeader(bytes, PROTOCOL.icmpv6);
    if (mobility !== undefined) this.#bump(node, u8(bytes, mobility + 2));
    else if (icmp !== undefined) this.#bump(node, u8(bytes, icmp) < 128 ? 'errors' : 'echoes');
  }

  #bump(node: string, what: number | Icmp): void {
    this.sent.set(`${node} ${what}`, this.count(node, what) + 1);
  }
}

let scene: Scene;
let kept: number;
beforeEach(() => {
  scene = new Scene();
  kept = scene.kept;
});

const octets = (i: number): Uint8Array => Uint8Array.of(0, 1, i >>> 24, i >>> 16, i >>> 8, i, 3, 4);
const fromClient = (message: MobilityMessage): Uint8Array =>
  mobilityPacket({ source: scene.client, destination: scene.member, route: CONTACT }, message);
const acknowledgement = (i: number, status: number): MobilityMessage => ({
  ...{ kind: 'binding-acknowledgement', status, keyManagement: false, sequence: i & 0xffff, lifetime: 100 },
  options: [],
});

describe(`at a member, in the name of its client (seed ${SEED})`, () => {
  const silent: readonly [string, (i: number) => Uint8Array][] = [
    [
      'Care-of Tests',
      (i) =>
        mobilityPacket(
          { source: scene.client, destination: scene.member },
          { kind: 'care-of-test', nonceIndex: i & 0xffff, cookie: octets(i), token: octets(i), options: [] },
        ),
    ],
    [
      'Home Tests through a tunnel of its own',
      (i) =>
        tunnelPacket(
          ATTACKER,
          scene.member,
          mobilityPacket(
            { source: scene.client, destination: CONTACT },
            { kind: 'home-test', nonceIndex: 1, cookie: octets(i), token: octets(i), options: [] },
          ),
        ),
    ],
    [
      'Home Tests in a tunnel in the name of the home agent',
      (i) =>
        tunnelPacket(
          HOME_AGENT,
          scene.member,
          mobilityPacket(
            { source: scene.client, destination: CONTACT },
            { kind: 'home-test', nonceIndex: 1, cookie: octets(i), token: octets(i), options: [] },
          ),
        ),
    ],
    ['acknowledgements', (i) => fromClient(acknowledgement(i, [0, 128, 135, 136, 137, 138][i % 6] ?? 0))],
    [
      'acknowledgements of the home agent',
      (i) =>
        mobilityPacket(
          { source: HOME_AGENT, destination: scene.member, route: CONTACT },
          acknowledgement(i, [0, 128, 135, 144, 146][i % 5] ?? 0),
        ),
    ],
    [
      'Binding Errors that it knows no Mobility Header',
      () => fromClient({ kind: 'binding-error', status: BINDING_ERROR.unrecognizedType, home: CONTACT, options: [] }),
    ],
    [
      'tunnels',
      (i) =>
        tunnelPacket(ATTACKER, scene.member, echoRequest({ source: scene.client, destination: CONTACT }, i & 0xffff)),
    ],
  ];
  test.each(silent)('%s: no word, and nothing changes', (_what, make) => {
    scene.flood(make);
    scene.expectAlive();
    expect([...scene.sent]).toEqual([]);
    expect(scene.kept).toBeLessThanOrEqual(kept + 2);
  });

  const errors: readonly [string, number, number, number][] = [
    ['Unreachable', ICMPV6.unreachable, 3, 0],
    ['Packet Too Big of 1280', ICMPV6.packetTooBig, 0, 1280],
    ['Time Exceeded', ICMPV6.timeExceeded, 0, 0],
    ['Parameter Problem, unknown next header', ICMPV6.parameterProblem, 1, 6],
  ];
  test.each(errors)('ICMPv6 %s about segments and updates that it guesses', (_what, type, code, parameter) => {
    const { sendMss } = serverOf(scene);
    scene.flood((i) => {
      const update = { kind: 'home-test-init', cookie: octets(i), options: [] } as const;
      const segment = new Uint8Array(20);
      segment.set([0, PORT, 0x80 + (i % 0x6e), i & 0xff, ...octets(i * 0x10003).subarray(2, 6)]);
      const way = { source: scene.member, destination: scene.client, home: CONTACT };
      const quoted =
        i % 2 === 0 ? mobilityPacket(way, update) : packet({ ...way, protocol: PROTOCOL.tcp, upper: segment });
      setU16(quoted, IPV6_FIELD.payloadLength, 1460);
      return icmpPacket(
        { source: ATTACKER, destination: scene.member },
        { kind: 'error', type, code, parameter, quoted },
      );
    });
    scene.expectAlive();
    expect([...scene.sent]).toEqual([]);
    expect(serverOf(scene).sendMss).toBe(sendMss);
  });

  test('Binding Refresh Requests: tests and an update, no more often than they can be answered', () => {
    scene.flood(() => fromClient({ kind: 'binding-refresh-request', options: [] }));
    scene.expectAlive();
    expect(scene.count('a', MH.bindingUpdate)).toBeLessThanOrEqual(3 * (FLOOD_MS / 1000 + 1));
    expect(scene.count('a', MH.homeTestInit)).toBeLessThanOrEqual(3 * (FLOOD_MS / 1000 + 1) + 1);
    expect(scene.kept).toBeLessThanOrEqual(kept + 8);
  });

  test('Binding Errors that it has no binding: three updates a second, and the stream goes on', () => {
    scene.flood(() =>
      fromClient({ kind: 'binding-error', status: BINDING_ERROR.unknownBinding, home: CONTACT, options: [] }),
    );
    scene.world.runFor(seconds(1));
    scene.expectAlive();
    expect(scene.count('a', MH.bindingUpdate)).toBeLessThanOrEqual(3 * (FLOOD_MS / 1000 + 2));
    expect(scene.count('a', MH.bindingUpdate)).toBeGreaterThan(3);
  });
});

describe(`at a member, in the name of its home agent (seed ${SEED})`, () => {
  test('Binding Errors: it registers again, three times a second at the most', () => {
    scene.flood(() =>
      mobilityPacket(
        { source: HOME_AGENT, destination: scene.member, route: CONTACT },
        { kind: 'binding-error', status: BINDING_ERROR.unknownBinding, home: CONTACT, options: [] },
      ),
    );
    scene.expectAlive();
    expect(scene.count('a', MH.bindingUpdate)).toBeGreaterThan(0);
    expect(scene.count('a', MH.bindingUpdate)).toBeLessThanOrEqual(3 * (FLOOD_MS / 1000 + 1));
  });
});

describe(`at the home agent (seed ${SEED})`, () => {
  test('tunnels from whom it does not know: no word', () => {
    scene.flood((i) =>
      tunnelPacket(ATTACKER, HOME_AGENT, echoRequest({ source: CONTACT, destination: scene.client }, i & 0xffff)),
    );
    scene.expectAlive();
    expect([...scene.sent]).toEqual([]);
    expect(scene.kept).toBeLessThanOrEqual(kept + 2);
  });

  test('registrations in the name of a member: a wrong key is told, and changes nothing', () => {
    scene.flood((i) =>
      mobilityPacket(
        { source: ATTACKER, destination: HOME_AGENT, home: CONTACT },
        {
          ...{ kind: 'binding-update', sequence: i & 0xffff, acknowledge: true, home: true, linkLocal: false },
          ...{ keyManagement: false, lifetime: 105 },
          options: [
            { kind: 'binding-identifier', bid: 1, status: 0, simultaneous: false, priority: 1 },
            { kind: 'authentication', subtype: 1, spi: 1001, authenticator: new Uint8Array(12) },
          ],
        },
      ),
    );
    scene.expectAlive();
    expect(scene.count('home', MH.bindingAcknowledgement)).toBeLessThanOrEqual(PACKETS);
    expect(scene.kept).toBeLessThanOrEqual(kept + 2);
  });

  test('Home Address options without a binding: Binding Errors within their rate', () => {
    scene.flood((i) =>
      echoRequest({
        source: ATTACKER,
        destination: HOME_AGENT,
        home: address(`2001:db8:100::${(i + 9).toString(16)}`),
      }),
    );
    scene.expectAlive();
    expect(scene.count('home', MH.bindingError)).toBeGreaterThan(0);
    expect(scene.count('home', MH.bindingError)).toBeLessThanOrEqual(PACKETS / 10);
  });

  test('errors about its tunnels that it guesses: relayed to nobody, its tunnel as wide as before', () => {
    scene.flood((i) => {
      const inner = echoRequest({ source: scene.client, destination: CONTACT }, i & 0xffff);
      const quoted = tunnelPacket(HOME_AGENT, scene.member, inner);
      setU16(quoted, IPV6_FIELD.payloadLength, 1460);
      const error = { kind: 'error', type: ICMPV6.packetTooBig, code: 0, parameter: 1280, quoted } as const;
      return icmpPacket({ source: ATTACKER, destination: HOME_AGENT }, error);
    });
    scene.expectAlive();
    expect(scene.count('home', 'errors')).toBe(0);
    expect(scene.world.home.host.ipv6.path(scene.world.now, HOME_AGENT, scene.member).mtu).toBe(1500);
  });
});

describe(`at the client (seed ${SEED})`, () => {
  test('HoTI and CoTI from everywhere: answered each, and nothing is kept', () => {
    scene.flood((i) => {
      const source = address(`2001:db8:e::${(i + 2).toString(16)}`);
      const kind = i % 2 === 0 ? 'home-test-init' : 'care-of-test-init';
      return mobilityPacket({ source, destination: scene.client }, { kind, cookie: octets(i), options: [] });
    });
    scene.expectAlive();
    expect(scene.count('c', MH.homeTest) + scene.count('c', MH.careOfTest)).toBe(PACKETS);
    expect(scene.kept).toBeLessThanOrEqual(kept + 2);
  });

  test('updates and Home Address options in the name of the member: the binding stays', () => {
    scene.flood((i) => {
      const way = { source: i % 2 === 0 ? ATTACKER : scene.member, destination: scene.client, home: CONTACT };
      const update = {
        ...{ kind: 'binding-update', sequence: i & 0xffff, acknowledge: true, home: false, linkLocal: false },
        ...{ keyManagement: false, lifetime: i % 3 === 0 ? 0 : 105 },
        options: [
          { kind: 'nonce-indices', home: i % 8, careOf: i % 8 },
          { kind: 'binding-authorization-data', authenticator: new Uint8Array(12) },
        ],
      } as const satisfies MobilityMessage;
      return i % 4 < 2 ? mobilityPacket(way, update) : echoRequest({ ...way, source: ATTACKER }, i & 0xffff);
    });
    scene.expectAlive();
    expect(scene.count('c', MH.bindingError)).toBeLessThanOrEqual(PACKETS / 10);
    expect(scene.kept).toBeLessThanOrEqual(kept + 2);
  });
});

function serverOf({ world }: Scene) {
  const found = [...world.a.host.tcp.connections()].find(({ local }) => local.port === PORT);
  if (found === undefined) throw new Error('no connection at the member');
  return found.info;
}
