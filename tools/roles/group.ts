// A group of server nodes as home agent and members have to know it: the contact address with its network, the home
// agent, and each member with what it registers there by. Also how a new group gets its numbers and keys, and what
// no group may be. How it stands in a file is group-file.ts.

import type { Random } from '../../stack/core/random.ts';
import type { BindingsAtHome } from '../../stack/mobility/api.ts';
import type { Address, Prefix } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';

export interface GroupMember {
  readonly name: string;
  /** Its own address. */
  readonly careOf: Address;
  /** TCP port of the control channel between members. */
  readonly controlPort: number;
  /** Binding Identifier (RFC 5648). */
  readonly bid: number;
  /** Of the key shared with the home agent (RFC 4285). */
  readonly spi: number;
  readonly key: Uint8Array;
}

export interface Group {
  /** The contact address. */
  readonly homeAddress: Address;
  readonly homePrefix: Prefix;
  readonly homeAgent: Address;
  /** What the home agent keeps for the contact address. Absent: 'many'. */
  readonly bindings?: BindingsAtHome;
  /** Shared by all members: what ISNs, SYN cookies and timestamps are made from. */
  readonly groupKey: Uint8Array;
  readonly members: readonly GroupMember[];
}

/** What is decided of a new group; the rest is drawn or counted. */
export interface GroupPlan extends Pick<Group, 'homeAddress' | 'homePrefix' | 'homeAgent' | 'bindings'> {
  readonly members: readonly Pick<GroupMember, 'name' | 'careOf'>[];
}

export const DEFAULT_CONTROL_PORT = 4433;
export const MAX_MEMBERS = 1_000;
const KEY_LEN = 32;
/** RFC 4285 5: those up to 255 are reserved. */
const FIRST_SPI = 257;

/** A group with fresh keys. Throws a UserError where the plan cannot be. */
export function createGroup(plan: GroupPlan, random: Random): Group {
  const members = plan.members.map(
    (member, i): GroupMember => ({
      ...member,
      controlPort: DEFAULT_CONTROL_PORT,
      bid: i + 1,
      spi: FIRST_SPI + i,
      key: random.bytes(KEY_LEN),
    }),
  );
  return checkGroup({ ...plan, groupKey: random.bytes(KEY_LEN), members });
}

/** The group itself, or a UserError that says what in it cannot be. */
export function checkGroup(group: Group): Group {
  const { homeAddress, homePrefix, homeAgent, members } = group;
  if (members.length === 0 || members.length > MAX_MEMBERS) {
    throw new UserError(`a group has 1 to ${MAX_MEMBERS} members`);
  }
  checkHome(homeAddress, homePrefix);
  if (homeAgent.equals(homeAddress)) throw new UserError(`the home agent has the contact address ${homeAddress}`);
  for (const field of ['name', 'careOf', 'bid', 'spi'] as const) {
    const values = new Set(members.map((member) => String(member[field])));
    if (values.size < members.length) throw new UserError(`two members have the same '${field}'`);
  }
  for (const { name, careOf } of members) {
    if (homePrefix.contains(careOf)) {
      throw new UserError(`member '${name}' has ${careOf}, which is in the home prefix ${homePrefix}`);
    }
    if (careOf.equals(homeAgent)) throw new UserError(`member '${name}' has the address of the home agent`);
  }
  return group;
}

export function checkHome(homeAddress: Address, homePrefix: Prefix): void {
  if (homePrefix.contains(homeAddress)) return;
  throw new UserError(`the contact address ${homeAddress} is not in the home prefix ${homePrefix}`);
}
