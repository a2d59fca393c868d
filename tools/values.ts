// The text forms of values on the command line: addresses, ports, durations, rates, shares. Each parser takes
// the text and returns the value, or throws commander's InvalidArgumentError, which names option and text.

import { InvalidArgumentError } from 'commander';
import { type Duration, microseconds } from '../stack/core/time.ts';
import { type Address, address, type Prefix, prefix } from '../stack/wire/address.ts';
import type { Target } from './roles/client.ts';

function orInvalid<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? `${error.message}.` : String(error));
  }
}

/** A unicast address that a node can have. */
export function addressValue(text: string): Address {
  const value = orInvalid(() => address(text));
  if (!value.isRoutableUnicast) throw new InvalidArgumentError('a routable unicast IPv6 address is needed.');
  return value;
}

export const prefixValue = (text: string): Prefix => orInvalid(() => prefix(text));

/** Parser of whole numbers from `least` to `most`. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`a whole number from ${least} to ${most} is needed.`);
    }
    return value;
  };

export const portValue = wholeNumber(1, 65_535);

/** RFC 5648 6.2: a Binding Identifier is 16 bits and not 0. */
export const bidValue = wholeNumber(1, 65_535);

/** RFC 4285 5: SPIs 0 to 255 are reserved. */
export const spiValue = wholeNumber(256, 0xffff_ffff);

const TIME_UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000 };
const MAX_DURATION_US = 60_000_000;

/** '10ms', '1.5s', '250us'. */
export function durationValue(text: string): Duration {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(us|ms|s)$/.exec(text) ?? [];
  const value = Number(number) * (TIME_UNITS[unit ?? ''] ?? Number.NaN);
  if (!(value <= MAX_DURATION_US))
    throw new InvalidArgumentError("a time such as '10ms' or '1.5s' is needed (60 s at most).");
  return microseconds(value);
}

const RATE_UNITS: Readonly<Record<string, number>> = { kbit: 1e3, mbit: 1e6, gbit: 1e9 };

/** '100mbit', '1.5gbit', '64kbit': bits a second; 'none' = no limit (0). */
export function rateValue(text: string): number {
  if (text === 'none') return 0;
  const [, number, unit] = /^(\d+(?:\.\d+)?)(kbit|mbit|gbit)$/.exec(text) ?? [];
  const value = Number(number) * (RATE_UNITS[unit ?? ''] ?? Number.NaN);
  if (!(value > 0)) throw new InvalidArgumentError("a rate such as '100mbit', '1gbit' or 'none' is needed.");
  return value;
}

/** '1%', '0.5%', '0.01': a share from 0 to 1. */
export function shareValue(text: string): number {
  const [, number, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text) ?? [];
  const value = Number(number) / (percent === '%' ? 100 : 1);
  if (!(value <= 1)) throw new InvalidArgumentError("a share such as '1%' or '0.01' is needed.");
  return value;
}

const MAX_FILE_OCTETS = 2 ** 40;
const SIZE_UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** '64MiB', '512K', '1000': octets, in powers of 1024. */
export function sizeValue(text: string): number {
  const [, number, unit] = /^(\d+)([KMG]?)(?:i?B)?$/.exec(text) ?? [];
  const value = Number(number) * (SIZE_UNITS[unit ?? ''] ?? Number.NaN);
  if (!(value >= 1 && value <= MAX_FILE_OCTETS))
    throw new InvalidArgumentError("a size such as '64MiB' or '512K' is needed.");
  return value;
}

/** A name that goes into socket paths and messages: 'a', 'server-2'. */
export function nameValue(text: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(text)) {
    throw new InvalidArgumentError('a name of small letters, digits and dashes is needed (32 at most).');
  }
  return text;
}

/** For options that may be given several times: commander hands the values so far along. */
export const repeated =
  <T>(parse: (text: string) => T) =>
  (text: string, before: readonly T[] = []): readonly T[] => [...before, parse(text)];

/** 'http://[address]:port/path' */
export function urlValue(text: string): Target {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:')
    throw new InvalidArgumentError("a URL such as 'http://[2001:db8:100::1]/file' is needed.");
  const host = /^\[(.+)\]$/.exec(url.hostname)?.[1];
  if (host === undefined) throw new InvalidArgumentError('its host has to be an IPv6 address in brackets.');
  return {
    host: address(host),
    port: url.port === '' ? 80 : Number(url.port),
    path: url.pathname + url.search,
    url: text,
  };
}
