// How far an address reaches (RFC 6724 3, RFC 4291 2.7), and how much two addresses have in common (RFC 6724 2.2).

import type { Address } from '../wire/address.ts';

/** Values of the scope field of multicast addresses, to which unicast scopes are mapped (RFC 6724 3.1). */
export const SCOPE = { interfaceLocal: 1, linkLocal: 2, siteLocal: 5, global: 14 } as const;

export function scopeOf(a: Address): number {
  if (a.isMulticast) return (a.w0 >>> 16) & 0xf;
  // RFC 4291 2.5.3, RFC 6724 3.4: the loopback address counts as link-local.
  if (a.isLinkLocal || a.isLoopback) return SCOPE.linkLocal;
  if (a.w0 >>> 22 === 0xfec0 >>> 6) return SCOPE.siteLocal;
  return a.isMappedIpv4 && isLocalIpv4(a.w3) ? SCOPE.linkLocal : SCOPE.global;
}

/** RFC 6724 3.2: 169.254/16 and 127/8. */
const isLocalIpv4 = (ipv4: number): boolean => ipv4 >>> 16 === 0xa9fe || ipv4 >>> 24 === 127;

/** RFC 6724 2.2: no more than the length of the source's subnet prefix counts. */
const SUBNET_PREFIX_LEN = 64;

export function commonPrefixLength(source: Address, destination: Address): number {
  const high = Math.clz32(source.w0 ^ destination.w0);
  const length = high < 32 ? high : 32 + Math.clz32(source.w1 ^ destination.w1);
  return Math.min(length, SUBNET_PREFIX_LEN);
}
