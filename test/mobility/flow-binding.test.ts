// Flow bindings of RFC 6089 with selectors of RFC 6088 at a home agent: packets in by hand, and which member they go to.

import { describe, expect, test } from 'vitest';
import { setU8, setU16, setU32 } from '../../stack/core/bytes.ts';
import { EPOCH, seconds } from '../../stack/core/time.ts';
import {
  FlowBindings,
  FlowBudget,
  flowOfClient,
  MAX_BINDINGS_OF_FLOW,
  MAX_COMPARED_FLOWS,
} from '../../stack/mobility/flow-binding.ts';
import { FlowNumbers } from '../../stack/mobility/flow-number.ts';
import { MAX_FLOW_ANSWERS } from '../../stack/mobility/flow-request.ts';
import { HomeAgent } from '../../stack/mobility/home-agent.ts';
import { Address, address, prefix } from '../../stack/wire/address.ts';
import { emitFragmentHeader } from '../../stack/wire/extension-header.ts';
import type { FlowSubOption, Ipv6TrafficSelector } from '../../stack/wire/flow-identification.ts';
import { PROTOCOL } from '../../stack/wire/ipv6.ts';
import type { BindingUpdate } from '../../stack/wire/mobility.ts';
import type { FlowIdentification, MobilityOption } from '../../stack/wire/mobility-option.ts';
import { echoRequest, mobilityPacket, packet } from './packets.ts';
import { TestHost, theMessage } from './support.ts';

const SELF = address('2001:db8:100::ff');
const GROUP = address('2001:db8:100::1');
const SINGLE = address('2001:db8:100::5');
const CLIENT = address('2001:db8:c::1');
const OTHER = address('2001:db8:d::1');
const UDP = PROTOCOL.udp;
const TCP = PROTOCOL.tcp;

const careOf = (bid: number): Address => address(`2001:db8:${bid.toString(16)}::1`);

/** A home agent and the members 1 to 3 of a group, of which 1 is the default. */
class Group {
  readonly host = new TestHost(SELF, { seed: 6, forwarding: true });
  readonly agent: HomeAgent;
  #sequence = 0;

  constructor(bound: readonly number[] = [1, 2, 3]) {
    const key = new Uint8Array(20);
    this.agent = new HomeAgent(this.host.environment, this.host.dispatch, {
      address: SELF,
      homePrefixes: [prefix('2001:db8:100::/64')],
      security: 'none',
      associations: [
        ...[1, 2, 3].map((bid) => ({ home: GROUP, bid, spi: 1000 + bid, key })),
        { home: SINGLE, spi: 1000, key },
      ],
    });
    for (const bid of bound) this.update(bid, []);
  }

  /** The statuses of the flow options of the answer, by FID. */
  update(bid: number, options: readonly MobilityOption[], lifetime = 105): Record<number, number> {
    return this.#register(GROUP, careOf(bid), lifetime, [
      { kind: 'binding-identifier', bid, status: 0, simultaneous: false, priority: 10 * bid },
      ...options,
    ]);
  }

  updateSingle(options: readonly MobilityOption[]): Record<number, number> {
    return this.#register(SINGLE, careOf(9), 105, options);
  }

  /** Which member this packet is tunnelled to. */
  way(bytes: Uint8Array): number | undefined {
    const [sent] = this.host.give(bytes);
    return [1, 2, 3].find((bid) => sent?.inner !== undefined && sent.destination.equals(careOf(bid)));
  }

  #register(home: Address, source: Address, lifetime: number, options: readonly MobilityOption[]) {
    this.#sequence += 1;
    const flags = { acknowledge: true, home: true, linkLocal: false, keyManagement: false };
    const message: BindingUpdate = { kind: 'binding-update', sequence: this.#sequence, ...flags, lifetime, options };
    const sent = this.host.give(mobilityPacket({ source, destination: SELF, home }, message));
    const answer = theMessage(sent, 'binding-acknowledgement').message;
    expect(answer.status).toBe(0);
    const flows = answer.options.filter((option) => option.kind === 'flow-identification');
    return Object.fromEntries(flows.map(({ fid, status }) => [fid, status]));
  }
}

const flow = (
  fid: number,
  selector: Ipv6TrafficSelector | undefined,
  more: Partial<FlowParts> = {},
): MobilityOption => {
  const { priority = 10, bids, subOptions = [] } = more;
  const all: FlowSubOption[] = [...subOptions];
  if (bids !== undefined) all.push({ kind: 'binding-reference', bids });
  if (selector !== undefined) all.push({ kind: 'traffic-selector', selector });
  return { kind: 'flow-identification', fid, priority, status: 0, subOptions: all };
};
interface FlowParts {
  readonly priority: number;
  readonly bids: readonly number[];
  readonly subOptions: readonly FlowSubOption[];
}

interface Headers {
  readonly source?: Address;
  readonly protocol?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
}

/** A packet with the first 8 octets of an upper layer. */
function from(headers: Headers = {}): Uint8Array {
  const { source = CLIENT, protocol = UDP, sourcePort = 0, destinationPort = 0 } = headers;
  const upper = new Uint8Array(8);
  setU16(upper, 0, sourcePort);
  setU16(upper, 2, destinationPort);
  const bytes = packet({ source, destination: GROUP, protocol, upper });
  setU32(bytes, 0, 0x6000_0000 + (headers.trafficClass ?? 0) * 2 ** 20 + (headers.flowLabel ?? 0));
  return bytes;
}

/** The same in a piece of a packet. */
function pieceOf(whole: Uint8Array, offset: number, more: boolean): Uint8Array {
  const upper = new Uint8Array(8 + whole.length - 40);
  emitFragmentHeader({ nextHeader: whole[6] ?? 0, offset, more, id: 5 }, upper, 0);
  upper.set(whole.subarray(40), 8);
  return packet({ source: CLIENT, destination: GROUP, protocol: PROTOCOL.fragment, upper });
}

/** ESP or AH with this SPI. */
function ipsec(protocol: number, spi: number): Uint8Array {
  const upper = new Uint8Array(16);
  setU8(upper, 0, UDP);
  setU8(upper, 1, 2);
  setU32(upper, protocol === PROTOCOL.esp ? 0 : 4, spi);
  return packet({ source: CLIENT, destination: GROUP, protocol, upper });
}

describe('RFC 6088 3.2: what a selector selects', () => {
  const cases: readonly [string, Ipv6TrafficSelector, Uint8Array[], Uint8Array[]][] = [
    ['one source address', { source: { first: CLIENT } }, [from()], [from({ source: OTHER })]],
    [
      'source addresses from first to last',
      { source: { first: address('2001:db8:c::'), last: address('2001:db8:c:ffff:ffff:ffff:ffff:ffff') } },
      [
        from(),
        from({ source: address('2001:db8:c::') }),
        from({ source: address('2001:db8:c:ffff:ffff:ffff:ffff:ffff') }),
      ],
      [from({ source: OTHER }), from({ source: address('2001:db8:b:ffff:ffff:ffff:ffff:ffff') })],
    ],
    ['the destination', { destination: { first: GROUP } }, [from()], []],
    ['another destination', { destination: { first: SINGLE } }, [], [from()]],
    ['a source port', { sourcePort: { first: 53 } }, [from({ sourcePort: 53 })], [from({ destinationPort: 53 })]],
    [
      'destination ports from first to last',
      { destinationPort: { first: 80, last: 90 } },
      [from({ destinationPort: 80 }), from({ destinationPort: 90, protocol: TCP })],
      [
        from({ destinationPort: 79 }),
        from({ destinationPort: 91 }),
        echoRequest({ source: CLIENT, destination: GROUP }),
      ],
    ],
    ['a traffic class', { trafficClass: { first: 0xb8 } }, [from({ trafficClass: 0xb8 })], [from()]],
    [
      'flow labels from first to last',
      { flowLabel: { first: 0xf0000, last: 0xfffff } },
      [from({ flowLabel: 0xf0000 }), from({ flowLabel: 0xfffff })],
      [from({ flowLabel: 0xeffff })],
    ],
    ['a next header', { nextHeader: { first: TCP } }, [from({ protocol: TCP })], [from()]],
    ['an SPI', { spi: { first: 77 } }, [ipsec(50, 77), ipsec(51, 77)], [ipsec(50, 78), from({ sourcePort: 77 })]],
    [
      'all fields at once',
      { source: { first: CLIENT }, nextHeader: { first: TCP }, destinationPort: { first: 80 } },
      [from({ protocol: TCP, destinationPort: 80 })],
      [
        from({ protocol: TCP }),
        from({ destinationPort: 80 }),
        from({ protocol: TCP, destinationPort: 80, source: OTHER }),
      ],
    ],
    ['everything', {}, [from(), from({ source: OTHER, protocol: TCP })], []],
  ];
  test.each(cases)('%s', (_what, selector, selected, others) => {
    const group = new Group();
    expect(group.update(2, [flow(1, selector)])).toEqual({ 1: 0 });
    expect(selected.map((bytes) => group.way(bytes))).toEqual(selected.map(() => 2));
    expect(others.map((bytes) => group.way(bytes))).toEqual(others.map(() => 1));
  });

  test('behind extension headers', () => {
    const group = new Group();
    group.update(2, [flow(1, { nextHeader: { first: UDP }, destinationPort: { first: 53 } })]);
    const upper = new Uint8Array(16);
    upper.set([UDP, 0, 1, 4]); // Destination Options, padding
    setU16(upper, 8 + 2, 53);
    expect(group.way(packet({ source: CLIENT, destination: GROUP, protocol: 60, upper }))).toBe(2);
  });

  test('ports of a packet in pieces select none of them, so that all go one way', () => {
    const group = new Group();
    group.update(2, [flow(1, { destinationPort: { first: 53 } })]);
    const whole = from({ destinationPort: 53 });
    expect(group.way(whole)).toBe(2);
    expect(group.way(pieceOf(whole, 0, true))).toBe(1);
    expect(group.way(pieceOf(whole, 8, false))).toBe(1);
    expect(group.way(pieceOf(whole, 0, false))).toBe(2); // RFC 6946: whole by itself
  });

  test('next header and addresses select every piece', () => {
    const group = new Group();
    group.update(2, [flow(1, { nextHeader: { first: UDP }, source: { first: CLIENT } })]);
    expect(group.way(pieceOf(from(), 0, true))).toBe(2);
    expect(group.way(pieceOf(from(), 8, false))).toBe(2);
  });

  test('a chain of headers that does not end has no upper layer', () => {
    const group = new Group();
    group.update(2, [flow(1, { nextHeader: { first: UDP } })]);
    const upper = Uint8Array.of(UDP, 9, 0, 0, 0, 0, 0, 0); // says 80 octets
    expect(group.way(packet({ source: CLIENT, destination: GROUP, protocol: 60, upper }))).toBe(2);
    group.update(2, [flow(1, { destinationPort: { first: 0 } })]);
    expect(group.way(packet({ source: CLIENT, destination: GROUP, protocol: 60, upper }))).toBe(1);
  });
});

describe('RFC 6089 4.2: which flow, and which of its bindings', () => {
  test('FID-PRI: the lowest of those that match', () => {
    const group = new Group();
    group.update(2, [flow(1, { nextHeader: { first: UDP } }, { priority: 20 })]);
    group.update(3, [flow(1, { sourcePort: { first: 7 } }, { priority: 10 })]);
    expect(group.way(from({ sourcePort: 7 }))).toBe(3);
    expect(group.way(from({ sourcePort: 8 }))).toBe(2);
    group.update(3, [flow(1, undefined, { priority: 30 })]);
    expect(group.way(from({ sourcePort: 7 }))).toBe(2);
  });

  test.each([
    [9, 3],
    [10, 2],
    [11, 2],
  ])("against a client's flow of FID-PRI 10, one of %i that compares more: member %i", (priority, member) => {
    const group = new Group();
    group.update(2, [flow(1, { source: { first: CLIENT } }, { priority: 10 })]);
    group.update(3, [flow(1, { nextHeader: { first: UDP } }, { priority })]);
    expect(group.way(from())).toBe(member);
  });

  test('several bindings: the best BID-PRI of those that are bound; with none, the next flow that matches', () => {
    const group = new Group([1, 2, 3]);
    expect(group.update(1, [flow(1, { source: { first: CLIENT } }, { bids: [3, 2] })])).toEqual({ 1: 0 });
    group.update(1, [flow(2, { nextHeader: { first: UDP } }, { priority: 50, bids: [1] })]);
    expect(group.way(from())).toBe(2);
    group.update(2, [], 0);
    expect(group.way(from())).toBe(3);
    group.update(3, [], 0);
    expect(group.way(from())).toBe(1);
    group.update(2, []);
    expect(group.way(from())).toBe(2);
  });

  test('the same selector again: the later member counts, and the flow of the earlier is gone', () => {
    const group = new Group();
    for (const selector of [{ source: { first: CLIENT } }, { nextHeader: { first: UDP } }]) {
      group.update(2, [flow(5, selector)]);
      group.update(3, [flow(6, selector)]);
      expect(group.way(from())).toBe(3);
      expect(group.update(2, [flow(5, undefined)])).toEqual({ 5: 132 });
      group.update(3, [], 0);
      expect(group.way(from())).toBe(1);
      group.update(3, []);
    }
  });

  test('an FID is its owner’s: with another selector it is another flow, and the former is gone', () => {
    const group = new Group();
    group.update(2, [flow(1, { source: { first: CLIENT } })]);
    group.update(3, [flow(1, { source: { first: OTHER } })]);
    expect([group.way(from()), group.way(from({ source: OTHER }))]).toEqual([2, 3]);
    group.update(2, [flow(1, { nextHeader: { first: TCP } })]);
    expect([group.way(from()), group.way(from({ protocol: TCP }))]).toEqual([1, 2]);
  });
});

describe('RFC 6089 5.2: statuses', () => {
  const client: Ipv6TrafficSelector = { source: { first: CLIENT } };
  const unknown = (type: number, ...data: number[]): FlowSubOption => ({
    kind: 'unknown',
    type,
    data: Uint8Array.from(data),
  });
  const cases: readonly [number, string, MobilityOption][] = [
    [0, 'no binding reference: its own', flow(7, client)],
    [0, 'a sub-option nobody knows is passed over', flow(7, client, { subOptions: [unknown(99, 1, 2)] })],
    [130, 'FID 0', flow(0, client)],
    [130, 'FID-PRI 0', flow(7, client, { priority: 0 })],
    [130, 'a range that ends before it begins', flow(7, { destinationPort: { first: 9, last: 8 } })],
    [130, 'addresses likewise', flow(7, { source: { first: OTHER, last: CLIENT } })],
    [
      130,
      'an IPv6 selector whose fields are not those it announces',
      flow(7, undefined, { subOptions: [unknown(3, 2, 0, 0x80, 0, 0, 0)] }),
    ],
    [130, 'a binding reference of odd length', flow(7, client, { subOptions: [unknown(2, 0, 1, 2)] })],
    [
      130,
      'two binding references',
      flow(7, client, { bids: [2], subOptions: [{ kind: 'binding-reference', bids: [2] }] }),
    ],
    [131, 'a binding that nobody has', flow(7, client, { bids: [2, 4] })],
    [131, 'BID 0, which is none', flow(7, client, { bids: [0] })],
    [132, 'a change of a flow that is not there', flow(7, undefined, { bids: [2] })],
    [133, 'the IPv4 selector', flow(7, undefined, { subOptions: [unknown(3, 1, 0, 0, 0)] })],
    [
      128,
      'more bindings than are allowed',
      flow(7, client, { bids: Array.from({ length: MAX_BINDINGS_OF_FLOW + 1 }, () => 2) }),
    ],
  ];
  test.each(cases)('%i: %s', (status, _what, option) => {
    const group = new Group();
    const { fid } = option as FlowIdentification;
    expect(group.update(2, [option])).toEqual({ [fid]: status });
    expect(group.way(from())).toBe(status === 0 ? 2 : 1);
  });

  test('131: a binding that has ended', () => {
    expect(new Group([1, 2]).update(2, [flow(7, client, { bids: [3] })])).toEqual({ 7: 131 });
  });

  test('128: a home address of one node alone has one binding', () => {
    expect(new Group().updateSingle([flow(7, client)])).toEqual({ 7: 128 });
  });

  test('each option has its own; one that fails spoils no other', () => {
    const group = new Group();
    expect(
      group.update(2, [flow(1, client), flow(2, client, { bids: [9] }), flow(3, { source: { first: OTHER } })]),
    ).toEqual({
      1: 0,
      2: 131,
      3: 0,
    });
    expect([group.way(from()), group.way(from({ source: OTHER }))]).toEqual([2, 2]);
  });
});

describe('RFC 6089 4.3, 5.2.2: what goes on and what ends', () => {
  const threeFlows = (): Group => {
    const group = new Group();
    const ports = [1, 2, 3].map((port) => flow(port, { destinationPort: { first: port } }));
    expect(group.update(2, ports)).toEqual({ 1: 0, 2: 0, 3: 0 });
    return group;
  };
  const ways = (group: Group): (number | undefined)[] =>
    [1, 2, 3].map((port) => group.way(from({ destinationPort: port })));

  test('deviation: an update that names no flow leaves them all', () => {
    const group = threeFlows();
    expect(group.update(2, [])).toEqual({});
    expect(ways(group)).toEqual([2, 2, 2]);
  });

  test('with a summary only those that it names, or that are set in the same update, go on', () => {
    const group = threeFlows();
    expect(group.update(2, [{ kind: 'flow-summary', fids: [2] }, flow(3, undefined, { priority: 5 })])).toEqual({
      3: 0,
    });
    expect(ways(group)).toEqual([1, 2, 2]);
  });

  test('132: a summary with an FID that is not known; what it names else goes on', () => {
    const group = threeFlows();
    expect(group.update(2, [{ kind: 'flow-summary', fids: [1, 77] }])).toEqual({ 77: 132 });
    expect(ways(group)).toEqual([2, 1, 1]);
  });

  test("a summary of one member does not touch another's flows", () => {
    const group = threeFlows();
    group.update(3, [{ kind: 'flow-summary', fids: [9] }]);
    expect(ways(group)).toEqual([2, 2, 2]);
  });

  test('they end with the binding of the member that made them, by itself too', () => {
    const group = threeFlows();
    group.update(2, [], 1);
    group.host.pass(seconds(5));
    group.update(2, []);
    expect(ways(group)).toEqual([1, 1, 1]);
  });

  test('no more answers than fit a packet that is never cut', () => {
    const fids = Array.from({ length: 120 }, (_, i) => i + 1);
    const summaries = [1, 2, 3].map(
      (k): MobilityOption => ({ kind: 'flow-summary', fids: fids.map((fid) => fid + 1000 * k) }),
    );
    expect(Object.keys(new Group().update(2, summaries))).toHaveLength(MAX_FLOW_ANSWERS);
  });

  test('the state of a process that ends has them all: selectors, priorities, bindings, owners', () => {
    const before = threeFlows();
    before.update(3, [flow(8, { nextHeader: { first: TCP } }, { priority: 2, bids: [2, 3] })]);
    const after = new Group([]);
    const restored = after.agent.restoreState(EPOCH, before.agent.exportState(before.host.now));
    expect(restored).toMatchObject({ ok: true, value: 3 });
    expect(ways(after)).toEqual([2, 2, 2]);
    expect(after.way(from({ protocol: TCP }))).toBe(2);
    expect(after.agent.exportState(EPOCH)).toEqual(before.agent.exportState(before.host.now));
  });
});

describe("RFC 6089 4.2: a member's FIDs", () => {
  const clients = [1, 2, 3, 4].map((i) => new Address(0x2001_0db8, 0x000c_0000, 0, i)) as [
    Address,
    Address,
    Address,
    Address,
  ];

  test('one for each client, for as long as there are any', () => {
    const numbers = new FlowNumbers(3);
    const [a, b, c, d] = clients;
    expect([a, b, a, c, b].map((client) => numbers.of(client))).toEqual([1, 2, 1, 3, 2]);
    expect(numbers.of(d)).toBe(1); // a's, which was not asked for longest
    expect([b, c, a].map((client) => numbers.of(client))).toEqual([2, 3, 1]);
  });

  test('all 65,535 are used before one changes hands, and 0 is none of them', () => {
    const numbers = new FlowNumbers();
    const fids = new Set(Array.from({ length: 65_535 }, (_, i) => numbers.of(new Address(1, 0, 0, i))));
    expect([fids.size, fids.has(0), fids.has(65_535)]).toEqual([65_535, false, true]);
    expect(numbers.of(new Address(2, 0, 0, 0))).toBe(1);
  });
});

describe('bounds', () => {
  const clientOf = (i: number): Address => new Address(0x2001_0db8, 0x000c_0000, 0, i);
  const wayOf = (flows: FlowBindings, client: Address): number | undefined =>
    flows.find(client, undefined, ([bid]) => bid);

  test("a home address's flows of clients: the oldest makes room", () => {
    const flows = new FlowBindings(undefined, 3);
    for (let i = 0; i < 5; i++) expect(flows.bind(flowOfClient(clientOf(i), i + 1, 2))).toBe(true);
    expect(flows.size).toBe(3);
    expect([0, 1, 2, 3, 4].map((i) => wayOf(flows, clientOf(i)))).toEqual([undefined, undefined, 2, 2, 2]);
    expect(flows.of(2, 1)).toBeUndefined();
  });

  test('flows that are compared: as many as are allowed, and then status 128', () => {
    const group = new Group();
    for (let fid = 1; fid <= MAX_COMPARED_FLOWS; fid++) {
      expect(group.update(2, [flow(fid, { sourcePort: { first: fid } })])).toEqual({ [fid]: 0 });
    }
    const more = MAX_COMPARED_FLOWS + 1;
    expect(group.update(2, [flow(more, { sourcePort: { first: more } })])).toEqual({ [more]: 128 });
    expect(group.update(2, [flow(1, { sourcePort: { first: more } })])).toEqual({ 1: 0 });
    expect(group.way(from({ sourcePort: more }))).toBe(2);
  });

  test('all home addresses together: when there is no room a flow is refused, a changed one is not', () => {
    const budget = new FlowBudget(3);
    const [one, two] = [new FlowBindings(budget), new FlowBindings(budget)];
    for (let i = 0; i < 3; i++) expect(one.bind(flowOfClient(clientOf(i), i + 1, 1))).toBe(true);
    expect(two.bind(flowOfClient(clientOf(9), 1, 1))).toBe(false);
    expect(one.bind(flowOfClient(clientOf(0), 9, 2))).toBe(true);
    one.removeAllOf(1);
    expect(two.bind(flowOfClient(clientOf(9), 1, 1))).toBe(true);
    expect([one.size, two.size, budget.left]).toEqual([1, 1, 1]);
  });
});
