// The JSON file that tells home agent and members of their group. It holds keys: one that others can read is refused.
// `homeport group create` and the lab write it.
//
//   { "homeAddress": "2001:db8:100::1", "homePrefix": "2001:db8:100::/64", "homeAgent": "2001:db8:1::1",
//     "bindings": "many", "groupKey": "ffeeddcc...",
//     "members": [{ "name": "a", "careOf": "2001:db8:a::1", "controlPort": 4433, "bid": 1, "spi": 257,
//                   "key": "00112233..." }] }

import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { fromHex, toHex } from '../../stack/core/bytes.ts';
import type { BindingsAtHome } from '../../stack/mobility/api.ts';
import { UserError } from '../errors.ts';
import { addressValue, bidValue, nameValue, portValue, prefixValue, spiValue } from '../values.ts';
import { checkGroup, DEFAULT_CONTROL_PORT, type Group, type GroupMember, MAX_MEMBERS } from './group.ts';

const MIN_KEY_OCTETS = 16;
const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

export function readGroupFile(path: string): Group {
  const text = readFileSync(path, 'utf8');
  if ((statSync(path).mode & OTHERS) !== 0) {
    throw new UserError(`${path}: holds keys and is open to others: 'chmod 600 ${path}'`);
  }
  try {
    return parseGroup(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserError(`${path}: not JSON`);
    if (error instanceof UserError) throw new UserError(`${path}: ${error.message}`);
    throw error;
  }
}

/** A new file, for its owner alone. Throws the error of node:fs when there is one already: its keys may be in use. */
export function writeGroupFile(path: string, group: Group): void {
  writeFileSync(path, groupFileText(group), { mode: OWNER_ONLY, flag: 'wx' });
}

export function groupFileText({ homeAddress, homePrefix, homeAgent, bindings, groupKey, members }: Group): string {
  const json = {
    homeAddress: homeAddress.toString(),
    homePrefix: homePrefix.toString(),
    homeAgent: homeAgent.toString(),
    ...(bindings && { bindings }),
    groupKey: toHex(groupKey),
    members: members.map((member) => ({ ...member, careOf: member.careOf.toString(), key: toHex(member.key) })),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

type Fields = Readonly<Record<string, unknown>>;

export function parseGroup(json: unknown): Group {
  const fields = record(json, 'the file');
  const { members } = fields;
  if (!Array.isArray(members) || members.length === 0 || members.length > MAX_MEMBERS) {
    throw new UserError(`'members' has to be a list of 1 to ${MAX_MEMBERS} members`);
  }
  return checkGroup({
    homeAddress: value(fields, 'homeAddress', addressValue),
    homePrefix: value(fields, 'homePrefix', prefixValue),
    homeAgent: value(fields, 'homeAgent', addressValue),
    ...(fields.bindings !== undefined && { bindings: value(fields, 'bindings', bindingsValue) }),
    groupKey: value(fields, 'groupKey', keyValue),
    members: members.map((member, i) => parseMember(member, `member ${i + 1}`)),
  });
}

function parseMember(json: unknown, which: string): GroupMember {
  const fields = record(json, which);
  const of = ` of ${which}`;
  return {
    name: value(fields, 'name', nameValue, of),
    careOf: value(fields, 'careOf', addressValue, of),
    controlPort: fields.controlPort === undefined ? DEFAULT_CONTROL_PORT : value(fields, 'controlPort', portValue, of),
    bid: value(fields, 'bid', bidValue, of),
    spi: value(fields, 'spi', spiValue, of),
    key: value(fields, 'key', keyValue, of),
  };
}

/** A field by the same rules that hold on the command line. */
function value<T>(fields: Fields, name: string, parse: (text: string) => T, of = ''): T {
  const found = fields[name];
  if (typeof found !== 'string' && typeof found !== 'number') throw new UserError(`'${name}'${of} is missing`);
  try {
    return parse(String(found));
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new UserError(`'${name}'${of}: ${error.message}`);
    throw error;
  }
}

function bindingsValue(text: string): BindingsAtHome {
  if (text === 'many' || text === 'one') return text;
  throw new InvalidArgumentError("'many' or 'one' is needed.");
}

/** What is wrong with a key is told without the key. */
function keyValue(digits: string): Uint8Array {
  if (!/^([0-9a-fA-F]{2})+$/.test(digits) || digits.length < 2 * MIN_KEY_OCTETS) {
    throw new InvalidArgumentError(`at least ${MIN_KEY_OCTETS} octets as hexadecimal digits are needed.`);
  }
  return fromHex(digits);
}

function record(json: unknown, what: string): Fields {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new UserError(`${what} is not an object`);
  return Object.fromEntries(Object.entries(json));
}
