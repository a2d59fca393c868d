// Mobile IPv6 as a hostile Internet sees it: a correspondent that has run return routability with a mobile node, and
// a home agent with members, both given raw packets and Binding Updates that are right but for what the octets change.

import { seconds } from '../../../stack/core/time.ts';
import { Correspondent } from '../../../stack/mobility/correspondent.ts';
import { HomeAgent } from '../../../stack/mobility/home-agent.ts';
import { type Address, address, prefix } from '../../../stack/wire/address.ts';
import type { FlowSubOption } from '../../../stack/wire/flow-identification.ts';
import type { BindingUpdate } from '../../../stack/wire/mobility.ts';
import type { MobilityOption } from '../../../stack/wire/mobility-option.ts';
import { echoRequest, mobilityPacket } from '../../mobility/packets.ts';
import { signed, unsigned } from '../../mobility/scripted-home-agent.ts';
import { ScriptedNode } from '../../mobility/scripted-node.ts';
import { ntp, TestHost } from '../../mobility/support.ts';
import { ByteReader } from '../byte-reader.ts';
import { law } from '../law.ts';
import { makePacket } from '../packet-maker.ts';
import { checkPacket } from '../wire-check.ts';

const MTU = 1500;
const MAX_EVENTS = 80;
/** Answers to one packet: to it, and what a binding that changes sets free. */
const MAX_ANSWERS = 8;
const SELF = address('2001:db8:c::1');
const AGENT = address('2001:db8:100::ff');
const HOME = address('2001:db8:100::5');
const GROUP = address('2001:db8:100::1');
const CARE_OF = [address('2001:db8:a::1'), address('2001:db8:b::1'), HOME, address('ff02::1'), SELF] as const;
const WORLD = {
  sources: [HOME, GROUP, ...CARE_OF, address('::'), AGENT],
  destinations: [SELF, AGENT, GROUP, HOME, address('ff02::1')],
} as const;
interface Member {
  readonly home: Address;
  readonly spi: number;
  readonly key: Uint8Array;
  readonly bid?: number;
}
const LIFETIMES = [105, 0, 1, 65_535] as const;

export function fuzz(data: Uint8Array): void {
  const reader = new ByteReader(Uint8Array.from(data));
  if (reader.flag()) toCorrespondent(reader);
  else toHomeAgent(reader);
}

function toCorrespondent(reader: ByteReader): void {
  const host = new TestHost(SELF);
  new Correspondent(host.environment, host.dispatch);
  const node = new ScriptedNode(host, SELF, HOME, CARE_OF[0]);
  node.tests();
  let sequence = reader.u16();
  run(reader, host, () => {
    sequence = (sequence + reader.pick([1, 0, 0xffff, 0x7fff, 0x8000])) & 0xffff;
    const lifetime = reader.pick(LIFETIMES);
    const source = reader.pick(CARE_OF);
    const common = { sequence, lifetime, source, acknowledge: reader.flag(), spoil: spoiler(reader) };
    return reader.u8() > 200
      ? node.updatePacket({ ...common, alternate: reader.pick(CARE_OF), options: shuffler(reader) })
      : node.updatePacket(common);
  });
}

function toHomeAgent(reader: ByteReader): void {
  const host = new TestHost(AGENT, { forwarding: true });
  const members: readonly [Member, ...Member[]] = [
    { home: HOME, spi: 1000, key: new Uint8Array(20).fill(1) },
    { home: GROUP, spi: 1001, key: new Uint8Array(20).fill(2), bid: 1 },
    { home: GROUP, spi: 1002, key: new Uint8Array(20).fill(3), bid: 2 },
  ];
  const homePrefixes = [prefix('2001:db8:100::/64')];
  new HomeAgent(host.environment, host.dispatch, { address: AGENT, homePrefixes, associations: members });
  let sequence = reader.u16();
  let ticks = 0n;
  run(reader, host, () => {
    const member = reader.pick(members);
    const careOf = reader.pick(CARE_OF);
    sequence = (sequence + reader.pick([1, 0, 0xffff, 0x7fff])) & 0xffff;
    ticks += BigInt(reader.pick([1, 0, 1_000_000]));
    const bid = member.bid ?? reader.pick([undefined, 1]);
    const usual: MobilityOption[] = [
      { kind: 'alternate-care-of', address: careOf },
      ...(bid === undefined
        ? []
        : [
            { kind: 'binding-identifier', bid, status: 0, simultaneous: reader.flag(), priority: reader.u8() } as const,
          ]),
      { kind: 'replay-protection', timestamp: ntp(host.now, 0) + ticks },
    ];
    const shuffled = shuffler(reader)(usual);
    const flags = { acknowledge: reader.flag(), home: true, linkLocal: reader.u8() > 250, keyManagement: false };
    const lifetime = reader.pick(LIFETIMES);
    const options = [...shuffled, ...flowOptions(reader), unsigned(member.spi)];
    const message: BindingUpdate = { kind: 'binding-update', sequence, lifetime, ...flags, options };
    const bytes = signed(message, member.key, careOf, member.home);
    spoiler(reader)(bytes);
    return mobilityPacket({ source: careOf, destination: AGENT, home: member.home }, bytes);
  });
}

/** Updates, raw packets, traffic through the bindings, time. */
function run(reader: ByteReader, host: TestHost, update: () => Uint8Array): void {
  for (let n = 0; n < MAX_EVENTS && !reader.done; n++) {
    const choice = reader.below(8);
    if (choice < 4) give(host, update());
    else if (choice < 6) give(host, makePacket(reader, WORLD));
    else if (choice === 6) give(host, echo(reader));
    else host.pass(seconds(reader.pick([1, 0.001, 30, 240, 500])));
    host.device.sent.length = 0;
  }
  host.pass(seconds(1_000_000));
}

function echo(reader: ByteReader): Uint8Array {
  const way = { source: reader.pick(WORLD.sources), destination: reader.pick(WORLD.destinations) };
  return echoRequest(reader.flag() ? way : { ...way, home: HOME });
}

function give(host: TestHost, bytes: Uint8Array): void {
  host.device.sent.length = 0;
  host.device.arrive(host.now, bytes);
  law(host.device.sent.length <= MAX_ANSWERS, () => `${host.device.sent.length} answers to one packet`);
  for (const packet of host.device.sent) checkPacket(packet, MTU, true);
}

const spoiler =
  (reader: ByteReader) =>
  (bytes: Uint8Array): void => {
    if (reader.u8() > 200) bytes[reader.below(bytes.length)] = reader.u8();
  };

/** Flow options of RFC 6089: none, mostly. */
function flowOptions(reader: ByteReader): MobilityOption[] {
  const options: MobilityOption[] = [];
  for (let n = reader.pick([0, 0, 1, 2]); n > 0; n--) {
    if (reader.u8() > 220) {
      options.push({ kind: 'flow-summary', fids: [reader.below(4), reader.below(4)] });
      continue;
    }
    const subOptions: FlowSubOption[] = [];
    if (reader.flag()) subOptions.push({ kind: 'binding-reference', bids: [reader.below(4), reader.below(4)] });
    // Mostly the IPv6 selector with fields for its flags, or some of them.
    if (reader.flag())
      subOptions.push({ kind: 'unknown', type: reader.pick([3, 2]), data: reader.take(reader.below(40)) });
    const [fid, priority] = [reader.below(4), reader.below(4)];
    options.push({ kind: 'flow-identification', fid, priority, status: 0, subOptions });
  }
  return options;
}

/** Some of the options are not there, or are there twice. */
const shuffler =
  (reader: ByteReader) =>
  (usual: MobilityOption[]): MobilityOption[] => {
    const keep = reader.u8() > 200 ? reader.u8() : 0xff;
    const kept = usual.filter((_option, i) => (keep & (1 << i)) !== 0);
    return reader.u8() > 230 ? [...kept, ...kept.slice(0, 1)] : kept;
  };
