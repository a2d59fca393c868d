import { describe, expect, test } from 'vitest';
import { setU8, setU16 } from '../../stack/core/bytes.ts';
import { seconds } from '../../stack/core/time.ts';
import { HomeAgent } from '../../stack/mobility/home-agent.ts';
import { type Address, address, prefix } from '../../stack/wire/address.ts';
import { ICMPV6 } from '../../stack/wire/icmpv6.ts';
import type { BindingUpdate } from '../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../stack/wire/mobility-option.ts';
import { echoRequest, icmpPacket, mobilityPacket, type Seen, tunnelPacket } from './packets.ts';
import { authenticatorAt, homeAuthenticator, signed, unsigned } from './scripted-home-agent.ts';
import { ntp, TestHost, theMessage } from './support.ts';

const SELF = address('2001:db8:100::ff');
/** One mobile node's own address, without Binding Identifiers. */
const HOME = address('2001:db8:100::5');
/** A group's address: members 1 and 2. */
const GROUP = address('2001:db8:100::1');
const CARE_OF_1 = address('2001:db8:a::1');
const CARE_OF_2 = address('2001:db8:b::1');
const CLIENT = address('2001:db8:c::1');
const OTHER_CLIENT = address('2001:db8:c::2');

const association = (home: Address, spi: number, bid?: number) => ({
  home,
  spi,
  key: new Uint8Array(20).fill(spi & 0xff),
  ...(bid !== undefined && { bid }),
});
const SINGLE = association(HOME, 1000);
const FIRST = association(GROUP, 1001, 1);
const SECOND = association(GROUP, 1002, 2);
type Member = ReturnType<typeof association>;

function world() {
  const host = new TestHost(SELF, { seed: 2, forwarding: true });
  const homePrefixes = [prefix('2001:db8:100::/64')];
  const associations = [SINGLE, FIRST, SECOND];
  const agent = new HomeAgent(host.environment, host.dispatch, { address: SELF, homePrefixes, associations });
  return { host, agent };
}
type World = ReturnType<typeof world>;

interface UpdateParts {
  readonly sequence: number;
  readonly lifetime?: number;
  readonly acknowledge?: boolean;
  readonly home?: Address;
  readonly careOf?: Address;
  /** Seconds that the timestamp is off. */
  readonly clockOff?: number;
  readonly priority?: number;
  readonly options?: (usual: MobilityOption[]) => MobilityOption[];
  readonly spoil?: (bytes: Uint8Array) => void;
}

let ticks = 0n;

function updatePacket({ host }: World, member: Member, parts: UpdateParts): Uint8Array {
  const { sequence, lifetime = 105, acknowledge = true, home = member.home, careOf = CARE_OF_1, priority = 1 } = parts;
  ticks += 1n; // no two messages with one timestamp
  const usual: MobilityOption[] = [
    { kind: 'alternate-care-of', address: careOf },
    ...(member.bid === undefined
      ? []
      : [{ kind: 'binding-identifier', bid: member.bid, status: 0, simultaneous: false, priority } as const]),
    { kind: 'replay-protection', timestamp: ntp(host.now, parts.clockOff ?? 0) + ticks },
    unsigned(member.spi),
  ];
  const message: BindingUpdate = {
    kind: 'binding-update',
    sequence,
    acknowledge,
    home: true,
    linkLocal: false,
    keyManagement: false,
    lifetime,
    options: parts.options?.(usual) ?? usual,
  };
  const isSigned = message.options.some(({ kind }) => kind === 'authentication');
  const bytes = isSigned ? signed(message, member.key, careOf, home) : message;
  if (bytes instanceof Uint8Array) parts.spoil?.(bytes);
  return mobilityPacket({ source: careOf, destination: SELF, home }, bytes);
}

const update = (w: World, member: Member, parts: UpdateParts): Seen[] => w.host.give(updatePacket(w, member, parts));
const ack = (packets: readonly Seen[]) => theMessage(packets, 'binding-acknowledgement').message;
const echoToHome = ({ host }: World, home: Address, source = CLIENT): Seen[] =>
  host.give(echoRequest({ source, destination: home }));

/** HOME registered from CARE_OF_1. */
function registered(sequence = 15): World {
  const w = world();
  update(w, SINGLE, { sequence });
  return w;
}

describe('registration', () => {
  test('RFC 6275 10.3.1: acknowledged to the care-of address by routing header, signed by RFC 4285', () => {
    const w = world();
    const { packet, message } = theMessage(update(w, SINGLE, { sequence: 15 }), 'binding-acknowledgement');
    expect(packet).toMatchObject({ source: SELF, destination: CARE_OF_1, route: HOME, checksumHolds: true });
    expect(message).toMatchObject({ status: 0, sequence: 15, lifetime: 105, keyManagement: false });
    const mh = packet.bytes.subarray(packet.start);
    const at = authenticatorAt(mh);
    expect(mh.slice(at, at + 12)).toEqual(homeAuthenticator(SINGLE.key, CARE_OF_1, HOME, mh));
  });

  test('RFC 6275 10.3.1: a home registration is acknowledged without the A bit too', () => {
    expect(ack(update(world(), SINGLE, { sequence: 15, acknowledge: false }))).toMatchObject({ status: 0 });
  });

  test('RFC 6275 9.3.1: registered, a Home Address option is accepted and answered by routing header', () => {
    const w = registered();
    const [reply] = w.host.give(echoRequest({ source: CARE_OF_1, destination: SELF, home: HOME }));
    expect(reply).toMatchObject({ destination: CARE_OF_1, route: HOME, checksumHolds: true });
  });

  test('RFC 6275 9.6: the registration ends with its lifetime, and then it is Binding Error 1', () => {
    const w = world();
    update(w, SINGLE, { sequence: 15, lifetime: 8 });
    w.host.pass(seconds(31));
    expect(w.agent.careOfAddress(HOME, CLIENT)?.equals(CARE_OF_1)).toBe(true);
    w.host.pass(seconds(1));
    const sent = w.host.give(echoRequest({ source: CARE_OF_1, destination: SELF, home: HOME }));
    expect(theMessage(sent, 'binding-error').message).toMatchObject({ status: 1, home: HOME });
  });

  test.each([16, 32_782])('RFC 6275 9.5.1: after 15, sequence %i from elsewhere moves the registration', (sequence) => {
    const w = registered();
    expect(ack(update(w, SINGLE, { sequence, careOf: CARE_OF_2 }))).toMatchObject({ status: 0, sequence });
    expect(w.agent.careOfAddress(HOME, CLIENT)?.equals(CARE_OF_2)).toBe(true);
  });

  test.each([14, 15, 32_783])('RFC 6275 9.5.1: after 15, sequence %i is status 135 with 15', (sequence) => {
    const w = registered();
    expect(ack(update(w, SINGLE, { sequence, careOf: CARE_OF_2 }))).toMatchObject({ status: 135, sequence: 15 });
    expect(w.agent.careOfAddress(HOME, CLIENT)?.equals(CARE_OF_1)).toBe(true);
  });

  test('RFC 6275 10.3.2: lifetime 0 ends it; a late older update is refused for 10 s', () => {
    const w = registered();
    expect(ack(update(w, SINGLE, { sequence: 16, lifetime: 0 }))).toMatchObject({ status: 0, lifetime: 0 });
    expect(w.agent.careOfAddress(HOME, CLIENT)).toBeUndefined();
    expect(ack(update(w, SINGLE, { sequence: 15 }))).toMatchObject({ status: 135, sequence: 16 });
    w.host.pass(seconds(10));
    expect(ack(update(w, SINGLE, { sequence: 15 }))).toMatchObject({ status: 0 });
  });

  test('RFC 6275 10.3.2: lifetime 0 with nothing to end is status 133', () => {
    expect(ack(update(world(), SINGLE, { sequence: 15, lifetime: 0 }))).toMatchObject({ status: 133, sequence: 15 });
  });
});

describe('refusal', () => {
  test('RFC 6275 10.3.1: a home address off the home link is status 132', () => {
    expect(ack(update(world(), SINGLE, { sequence: 1, home: address('2001:db8:200::1') }))).toMatchObject({
      status: 132,
    });
  });

  test("RFC 6275 10.3.1: a home address that is not the key's is status 129", () => {
    expect(ack(update(world(), SINGLE, { sequence: 1, home: GROUP }))).toMatchObject({ status: 129 });
  });

  test('RFC 4285 5.1: a wrong authenticator is status 146', () => {
    const spoil = (bytes: Uint8Array) => setU8(bytes, authenticatorAt(bytes), 0x11);
    const w = world();
    expect(ack(update(w, SINGLE, { sequence: 1, spoil }))).toMatchObject({ status: 146 });
    expect(w.agent.careOfAddress(HOME, CLIENT)).toBeUndefined();
  });

  const silent: readonly [string, UpdateParts][] = [
    ['without authentication option', { sequence: 1, options: (usual) => usual.slice(0, -1) }],
    ['with an SPI nobody has', { sequence: 1, options: (usual) => [...usual.slice(0, -1), unsigned(4242)] }],
    [
      'with Nonce Indices',
      { sequence: 1, options: (usual) => [{ kind: 'nonce-indices', home: 1, careOf: 2 }, ...usual] },
    ],
    ['with a multicast home address', { sequence: 1, home: address('ff02::1') }],
    ['from a link-local care-of address', { sequence: 1, careOf: address('fe80::1') }],
  ];
  test.each(silent)('RFC 6275 9.5.1, RFC 4285 5.1: an update %s is discarded silently', (_name, parts) => {
    expect(update(world(), SINGLE, parts)).toEqual([]);
  });

  test('RFC 6275 9.2: an update with a wrong checksum is discarded silently', () => {
    const w = world();
    const bytes = updatePacket(w, SINGLE, { sequence: 1 });
    setU16(bytes, 64 + 4, 0);
    expect(w.host.give(bytes)).toEqual([]);
  });

  test("RFC 4285 6: a replayed update is status 144 with the home agent's time", () => {
    const w = world();
    const bytes = updatePacket(w, SINGLE, { sequence: 1 });
    w.host.give(bytes);
    const message = ack(w.host.give(bytes));
    expect(message.status).toBe(144);
    expect(message.options.find((o) => o.kind === 'replay-protection')).toMatchObject({ timestamp: ntp(w.host.now) });
  });

  test.each([-8, 8])('RFC 4285 6: a timestamp %i s off is status 144', (clockOff) => {
    expect(ack(update(world(), SINGLE, { sequence: 1, clockOff }))).toMatchObject({ status: 144 });
  });

  test('RFC 4285 4: without a timestamp it is status 145', () => {
    const options = (usual: MobilityOption[]) => usual.filter(({ kind }) => kind !== 'replay-protection');
    expect(ack(update(world(), SINGLE, { sequence: 1, options }))).toMatchObject({ status: 145 });
  });

  test("RFC 6275 9.5.1: a registered home address does not take a correspondent's binding: status 139", () => {
    const w = registered();
    const message: BindingUpdate = {
      kind: 'binding-update',
      sequence: 20,
      acknowledge: true,
      home: false,
      linkLocal: false,
      keyManagement: false,
      lifetime: 5,
      options: [],
    };
    expect(
      ack(w.host.give(mobilityPacket({ source: CARE_OF_1, destination: SELF, home: HOME }, message))),
    ).toMatchObject({
      status: 139,
    });
  });
});

describe('a group', () => {
  function group(): World {
    const w = world();
    update(w, FIRST, { sequence: 1, careOf: CARE_OF_1, priority: 1 });
    update(w, SECOND, { sequence: 9, careOf: CARE_OF_2, priority: 10 });
    return w;
  }

  test('RFC 5648 6.3: the acknowledgement returns the Binding Identifier with its status', () => {
    const { options } = ack(update(world(), SECOND, { sequence: 1 }));
    expect(options[0]).toMatchObject({ kind: 'binding-identifier', bid: 2, status: 0 });
  });

  test("RFC 5648: an update without Binding Identifier, or with another member's, is refused", () => {
    const without = (usual: MobilityOption[]) => usual.filter(({ kind }) => kind !== 'binding-identifier');
    expect(ack(update(world(), FIRST, { sequence: 1, options: without }))).toMatchObject({ status: 129 });
    const other = (usual: MobilityOption[]) =>
      usual.map((o) => (o.kind === 'binding-identifier' ? { ...o, bid: 2 } : o));
    expect(ack(update(world(), FIRST, { sequence: 1, options: other }))).toMatchObject({ status: 129 });
  });

  test('RFC 5648: members have sequence numbers of their own', () => {
    expect(ack(update(group(), FIRST, { sequence: 2 }))).toMatchObject({ status: 0 });
  });

  test('RFC 6089 4.1: the best priority is the default; when it goes the next takes over', () => {
    const w = group();
    expect(echoToHome(w, GROUP)[0]).toMatchObject({ destination: CARE_OF_1 });
    update(w, FIRST, { sequence: 2, lifetime: 0 });
    expect(echoToHome(w, GROUP)[0]).toMatchObject({ destination: CARE_OF_2 });
  });

  test('RFC 6089: a flow binding in an update steers one client, and ends with its member', () => {
    const w = group();
    const options = (usual: MobilityOption[]): MobilityOption[] => [
      {
        kind: 'flow-identification',
        fid: 1,
        priority: 1,
        status: 0,
        subOptions: [
          { kind: 'binding-reference', bids: [2] },
          { kind: 'traffic-selector', selector: { source: { first: CLIENT } } },
        ],
      },
      ...usual,
    ];
    const message = ack(update(w, SECOND, { sequence: 10, careOf: CARE_OF_2, priority: 10, options }));
    expect(message.options.find((o) => o.kind === 'flow-identification')).toMatchObject({ fid: 1, status: 0 });
    expect(echoToHome(w, GROUP)[0]).toMatchObject({ destination: CARE_OF_2 });
    expect(echoToHome(w, GROUP, OTHER_CLIENT)[0]).toMatchObject({ destination: CARE_OF_1 });
    update(w, SECOND, { sequence: 11, careOf: CARE_OF_2, lifetime: 0 });
    expect(echoToHome(w, GROUP)[0]).toMatchObject({ destination: CARE_OF_1 });
  });

  test("RFC 6275 10.4.5: reverse tunnels are taken from every member's care-of address", () => {
    const w = group();
    const inner = echoRequest({ source: GROUP, destination: CLIENT });
    for (const careOf of [CARE_OF_1, CARE_OF_2]) {
      expect(w.host.give(tunnelPacket(careOf, SELF, inner))).toMatchObject([{ source: GROUP, destination: CLIENT }]);
    }
  });
});

describe('tunnels', () => {
  test('RFC 6275 10.4.2: an intercepted packet is tunnelled whole, hop limit one less, without routing header', () => {
    const [sent] = echoToHome(registered(), HOME);
    expect(sent).toMatchObject({ source: SELF, destination: CARE_OF_1, route: undefined });
    expect(sent?.inner).toMatchObject({ source: CLIENT, destination: HOME, hopLimit: 63, checksumHolds: true });
  });

  test('a packet to a home address without binding is unreachable, and does not go round', () => {
    const [sent] = echoToHome(world(), HOME);
    expect(sent?.destination.equals(CLIENT)).toBe(true);
    expect(sent?.icmp).toMatchObject({ kind: 'error', type: ICMPV6.unreachable, code: 3 });
  });

  test('RFC 6275 10.4.5: the inner packet of a reverse tunnel is forwarded, hop limit one less', () => {
    const w = registered();
    const inner = echoRequest({ source: HOME, destination: CLIENT });
    const sent = w.host.give(tunnelPacket(CARE_OF_1, SELF, inner));
    expect(sent).toMatchObject([
      { source: HOME, destination: CLIENT, home: undefined, inner: undefined, hopLimit: 63 },
    ]);
  });

  test('RFC 6275 10.4.5: a tunnel from another care-of address is dropped without a word', () => {
    const w = registered();
    const inner = echoRequest({ source: HOME, destination: CLIENT });
    expect(w.host.give(tunnelPacket(CARE_OF_2, SELF, inner))).toEqual([]);
  });

  test('RFC 6275 10.4.5: a member cannot speak for another home address', () => {
    const w = registered();
    update(w, FIRST, { sequence: 1, careOf: CARE_OF_2 });
    const inner = echoRequest({ source: HOME, destination: CLIENT });
    expect(w.host.give(tunnelPacket(CARE_OF_2, SELF, inner))).toEqual([]);
  });

  test('RFC 2473 8: an error from inside the tunnel is relayed to the sender of the inner packet', () => {
    const w = registered();
    const [tunnelled] = echoToHome(w, HOME);
    const router = address('2001:db8:f::1');
    const quoted = tunnelled?.bytes ?? new Uint8Array(0);
    const message = { kind: 'error', type: ICMPV6.timeExceeded, code: 0, parameter: 0, quoted } as const;
    const [relayed] = w.host.give(icmpPacket({ source: router, destination: SELF }, message));
    expect(relayed).toMatchObject({ source: SELF, destination: CLIENT, checksumHolds: true });
    expect(relayed?.icmp).toMatchObject({ kind: 'error', type: ICMPV6.unreachable, code: 3 });
  });
});
