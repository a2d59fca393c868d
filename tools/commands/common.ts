// Options that several commands have, and checks of what they name before anything starts.

import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { fromHex } from '../../stack/core/bytes.ts';
import type { BindingsAtHome } from '../../stack/mobility/api.ts';
import type { HomeSecurity } from '../../stack/mobility/home-update-check.ts';
import { type Address, Prefix, readAddress } from '../../stack/wire/address.ts';
import { UserError } from '../errors.ts';
import { VARIABLE } from '../lab/furnish.ts';
import { NODE_DEVICE } from '../lab/topology.ts';
import { addressValue } from '../values.ts';

export interface CommonFlags {
  readonly json?: boolean;
}

export interface RoleFlags extends CommonFlags {
  readonly device: string;
  readonly pcap?: string;
}

export const addJson = (command: Command): Command =>
  command.option('--json', 'results as JSON, one object a line, on stdout');

/** Of home agent and server. */
export const groupOption = (): Option =>
  new Option('--group <file>', "the group, its members and their keys: see 'homeport group create'").env(
    VARIABLE.group,
  );

/** Of every client: what it is reached at. */
export const clientAddressOption = (): Option =>
  new Option('--address <address>', 'address of this client')
    .argParser(addressValue)
    .env(VARIABLE.address)
    .makeOptionMandatory();

/** Of home agent and server, which have to agree. */
export const securityOption = (): Option =>
  new Option('--security <kind>', 'protection of registrations; none is UNSAFE: for home agents without RFC 4285')
    .choices(['rfc4285', 'none'] satisfies HomeSecurity[])
    .default('rfc4285');

/** Of home agent, server and group, which have to agree. Without it the group file says it, or 'many'. */
export const bindingsOption = (): Option =>
  new Option(
    '--bindings <how-many>',
    'many: each node is registered; one: for home agents without RFC 5648, the contact node alone is, and the others send through it',
  ).choices(['many', 'one'] satisfies BindingsAtHome[]);

/** What every role has: its TUN device, a capture, JSON output. */
export const addRoleOptions = (command: Command): Command =>
  addJson(
    command
      .option('--device <name>', 'TUN device that the stack is behind', NODE_DEVICE)
      .option('--pcap <file>', 'write every packet of the device to this pcapng file'),
  );

/** The character device and the interface have to be there before a stack can be put on it. */
export async function checkDevice(name: string): Promise<void> {
  await checkTun();
  // Of this process's network namespace, which /sys/class/net need not be.
  const interfaces = readFileSync('/proc/self/net/dev', 'utf8');
  if (!interfaces.split('\n').some((line) => line.trimStart().startsWith(`${name}:`))) {
    throw new UserError(
      `no device '${name}' here: run this in a site of the lab ('homeport lab up', 'homeport lab exec SITE -- ...') ` +
        `or make one with 'ip tuntap add dev ${name} mode tun'`,
    );
  }
}

/**
 * A stack behind a device gets what the kernel routes into it: an address that is routed elsewhere is another node's,
 * or mistyped.
 */
export function checkRouted(address: Address, device: string): void {
  const routes = readFileSync('/proc/self/net/ipv6_route', 'utf8').trim().split('\n');
  const reaches = routes.some((line) => {
    const [base = '', length = '', ...rest] = line.split(/\s+/);
    return rest.at(-1) === device && length !== '00' && contains(base, Number.parseInt(length, 16), address);
  });
  if (reaches) return;
  throw new UserError(
    `${address} is not routed to ${device} here: a wrong address, or 'ip route add ${address}/128 dev ${device}' is missing`,
  );
}

/** A routable address of the kernel in this network namespace. */
export function ownAddress(): Address | undefined {
  const lines = readFileSync('/proc/self/net/if_inet6', 'utf8').trim().split('\n');
  const addresses = lines.filter((line) => line !== '').map((line) => readAddress(fromHex(line.slice(0, 32)), 0));
  return addresses.find((each) => each.isRoutableUnicast);
}

const contains = (base: string, length: number, address: Address): boolean =>
  new Prefix(readAddress(fromHex(base), 0), length).contains(address);

export async function checkTun(): Promise<void> {
  try {
    await access('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new UserError(
      missing
        ? "/dev/net/tun is missing: load the module ('modprobe tun') or give the container the device (--device /dev/net/tun)"
        : "no permission to open /dev/net/tun: run as root, or 'chmod 0666 /dev/net/tun' once as root",
    );
  }
}

/** A file that is to be read later: there, and a file. */
export function checkFile(path: string): void {
  if (!statSync(path).isFile()) throw new UserError(`${path}: not a file`);
}

export function checkDirectory(path: string): void {
  if (!statSync(path).isDirectory()) throw new UserError(`${path}: not a directory`);
}

/** A file that is to be written later: its directory is there and can be written to. */
export async function checkWritable(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const directory = dirname(path);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) throw new UserError(`${path}: is a directory, not a file`);
  try {
    await access(found === undefined ? directory : path, constants.W_OK);
  } catch {
    throw new UserError(`${path}: cannot be written (no directory ${directory}, or no permission)`);
  }
}

/** A directory that files are to be written into later, with those above it. */
export async function makeDirectory(path: string): Promise<void> {
  // Not mkdirSync's `recursive`: under /proc, where nobody can make one, that of Node 20 never ends.
  const missing: string[] = [];
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at);
  for (const directory of missing) mkdirSync(directory);
  checkDirectory(path);
  await access(path, constants.W_OK);
}

const MIN_KEY_OCTETS = 16;

/** A shared key from a file, an environment variable or the group file (never from the command line, which `ps` shows). */
export function readKey(
  what: string,
  file: string | undefined,
  variable: string,
  fallback: Uint8Array | undefined,
): Uint8Array {
  const text = file === undefined ? process.env[variable] : readFileSync(file, 'utf8');
  const from = file ?? variable;
  if (text === undefined && fallback !== undefined) return fallback;
  if (text === undefined)
    throw new UserError(`no ${what}: give --group FILE, or a file of hexadecimal digits, or set ${variable}`);
  let key: Uint8Array;
  try {
    key = fromHex(text);
  } catch {
    // The text is a secret: not into the message.
    throw new UserError(`${from}: the ${what} has to be hexadecimal digits`);
  }
  if (key.length < MIN_KEY_OCTETS) throw new UserError(`${from}: the ${what} needs at least ${MIN_KEY_OCTETS} octets`);
  return key;
}
