// Who a server node is: its place in the group file, each value of it replaced by the option that was given. Without a
// group file the options alone have to tell it all.

import type { BindingsAtHome } from '../../stack/mobility/api.ts';
import type { SecurityAssociation } from '../../stack/mobility/authentication.ts';
import type { HomeSecurity } from '../../stack/mobility/home-update-check.ts';
import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { DEFAULT_CONTROL_PORT, type Group, type GroupMember } from '../roles/group.ts';
import type { MemberAddress, ServerOptions } from '../roles/server.ts';
import { readKey } from './common.ts';

export type ServerIdentity = Pick<
  ServerOptions,
  | 'name'
  | 'careOf'
  | 'controlPort'
  | 'homeAddress'
  | 'homeAgent'
  | 'bid'
  | 'bindings'
  | 'contact'
  | 'association'
  | 'groupKey'
  | 'members'
>;

type Named = Pick<MemberAddress, 'name' | 'careOf'>;

export interface IdentityFlags {
  readonly name?: string;
  readonly careOf?: Address;
  readonly homeAddress?: Address;
  readonly homeAgent?: Address;
  readonly bid?: number;
  readonly security?: HomeSecurity;
  readonly bindings?: BindingsAtHome;
  /** true: this node. */
  readonly contact?: string | boolean;
  readonly spi?: number;
  readonly keyFile?: string;
  readonly groupKeyFile?: string;
  readonly controlPort?: number;
  /** Port of its control channel absent: that of this node. */
  readonly member?: readonly Omit<MemberAddress, 'controlPort'>[];
}

/** `path` is that of the group file, for messages. */
export function identityOf(flags: IdentityFlags, group: Group | undefined, path = ''): ServerIdentity {
  const { name } = flags;
  if (name === undefined) throw new UserError('--name is missing: which member of the group is this node?');
  const own = group === undefined ? undefined : memberOf(group, name, path);
  const controlPort = flags.controlPort ?? own?.controlPort ?? DEFAULT_CONTROL_PORT;
  const others = group?.members.filter((member) => member !== own) ?? [];
  const careOf = given(flags.careOf ?? own?.careOf, 'care-of');
  const members = flags.member?.map((member) => ({ ...member, controlPort })) ?? others.map(addressOf);
  const bindings = flags.bindings ?? group?.bindings ?? 'many';
  const identity: ServerIdentity = {
    name,
    controlPort,
    careOf,
    bindings,
    contact: contactOf(flags.contact, bindings, [{ name, careOf }, ...members]),
    homeAddress: given(flags.homeAddress ?? group?.homeAddress, 'home-address'),
    homeAgent: given(flags.homeAgent ?? group?.homeAgent, 'home-agent'),
    bid: given(flags.bid ?? own?.bid, 'bid'),
    association: flags.security === 'none' ? undefined : associationOf(flags, own),
    groupKey: readKey('group key', flags.groupKeyFile, 'HOMEPORT_GROUP_KEY', group?.groupKey),
    members,
  };
  checkIdentity(identity);
  return identity;
}

/** Where the contact node is. With one binding everybody has to know it. */
function contactOf(
  flag: IdentityFlags['contact'],
  bindings: BindingsAtHome,
  nodes: readonly [Named, ...Named[]],
): Address | undefined {
  if (flag === true) return nodes[0].careOf;
  if (typeof flag === 'string') {
    const found = nodes.find(({ name }) => name === flag);
    if (found !== undefined) return found.careOf;
    throw new UserError(`--contact ${flag}: no such node (nodes: ${nodes.map(({ name }) => name).join(', ')})`);
  }
  if (bindings === 'many') return undefined;
  throw new UserError(
    'with --bindings one each node has to know the contact node: --contact there, --contact NAME here',
  );
}

/** The key shared with the home agent, and its name. */
const associationOf = (flags: IdentityFlags, own: GroupMember | undefined): SecurityAssociation => ({
  spi: given(flags.spi ?? own?.spi, 'spi'),
  key: readKey('key shared with the home agent', flags.keyFile, 'HOMEPORT_KEY', own?.key),
});

function given<T>(value: T | undefined, option: string): T {
  if (value === undefined) throw new UserError(`--${option} is missing: give it, or --group FILE and --name NAME`);
  return value;
}

function memberOf(group: Group, name: string, path: string): GroupMember {
  const found = group.members.find((member) => member.name === name);
  if (found !== undefined) return found;
  throw new UserError(`${path}: no member '${name}' (members: ${group.members.map((m) => m.name).join(', ')})`);
}

const addressOf = ({ name, careOf, bid, controlPort }: GroupMember): MemberAddress => ({
  name,
  careOf,
  bid,
  controlPort,
});

function checkIdentity({ name, careOf, bid, homeAddress, homeAgent, members }: ServerIdentity): void {
  if (careOf.equals(homeAddress)) throw new UserError(`the care-of address ${careOf} is the contact address`);
  if (homeAgent.equals(careOf) || homeAgent.equals(homeAddress)) {
    throw new UserError(`the home agent's address ${homeAgent} is that of this node`);
  }
  for (const member of members) {
    if (member.name !== name && member.bid !== bid && !member.careOf.equals(careOf)) continue;
    throw new UserError(`member '${member.name}' has the name, BID or address of this node`);
  }
}
