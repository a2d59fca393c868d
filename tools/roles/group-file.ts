// The JSON file that tells the home agent of a group: its contact address and its members, each with the care-of
// address, Binding Identifier, SPI and key it may register with. It holds keys: keep it readable by its owner only.
//
//   { "homeAddress": "2001:db8:100::1",
//     "members": [{ "name": "a", "careOf": "2001:db8:a::1", "bid": 1, "spi": 257, "key": "00112233..." }] }

import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { fromHex, toHex } from '../../stack/core/bytes.ts';
import type { Address } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { addressValue, bidValue, nameValue, spiValue } from '../values.ts';

export interface GroupMember {
  readonly name: string;
  readonly careOf: Address;
  readonly bid: number;
  readonly spi: number;
  readonly key: Uint8Array;
}

export interface Group {
  readonly homeAddress: Address;
  readonly members: readonly GroupMember[];
}

const MAX_MEMBERS = 1_000;
const MIN_KEY_OCTETS = 16;

export function readGroupFile(path: string): Group {
  const text = readFileSync(path, 'utf8');
  try {
    return parseGroup(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw new UserError(`${path}: not JSON`);
    if (error instanceof UserError || error instanceof InvalidArgumentError) {
      throw new UserError(`${path}: ${error.message}`);
    }
    throw error;
  }
}

export const groupFileText = (group: Group): string =>
  `${JSON.stringify(
    {
      homeAddress: group.homeAddress.toString(),
      members: group.members.map((m) => ({ ...m, careOf: m.careOf.toString(), key: toHex(m.key) })),
    },
    null,
    2,
  )}\n`;

export function parseGroup(json: unknown): Group {
  const { homeAddress, members } = record(json, 'the file');
  if (!Array.isArray(members) || members.length === 0 || members.length > MAX_MEMBERS) {
    throw new UserError(`'members' has to be a list of 1 to ${MAX_MEMBERS} members`);
  }
  const group = {
    homeAddress: addressValue(text(homeAddress, 'homeAddress')),
    members: members.map((member, i) => parseMember(record(member, `member ${i + 1}`), `member ${i + 1}`)),
  };
  for (const field of ['name', 'careOf', 'bid', 'spi'] as const) {
    const values = new Set(group.members.map((m) => String(m[field])));
    if (values.size < group.members.length) throw new UserError(`two members have the same '${field}'`);
  }
  return group;
}

function parseMember(json: Readonly<Record<string, unknown>>, where: string): GroupMember {
  const field = (name: string) => text(json[name], `${name} of ${where}`);
  try {
    return {
      name: nameValue(field('name')),
      careOf: addressValue(field('careOf')),
      bid: bidValue(field('bid')),
      spi: spiValue(field('spi')),
      key: keyOf(field('key'), where),
    };
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw new UserError(`${where}: ${error.message}`);
    throw error;
  }
}

function keyOf(digits: string, where: string): Uint8Array {
  if (!/^([0-9a-fA-F]{2})+$/.test(digits) || digits.length < 2 * MIN_KEY_OCTETS) {
    throw new UserError(`the key of ${where} has to be at least ${MIN_KEY_OCTETS} octets of hexadecimal digits`);
  }
  return fromHex(digits);
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UserError(`${what} is not an object`);
  return Object.fromEntries(Object.entries(value));
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string' && typeof value !== 'number') throw new UserError(`'${what}' is missing`);
  return String(value);
}
