// The ECN field: the low two bits of the traffic class (RFC 3168 5, RFC 8200 7), and what becomes of it where
// packets are put into one another (RFC 6040) or cut and joined (RFC 3168 5.3).

export const ECN = { notEct: 0, ect1: 1, ect0: 2, ce: 3 } as const;
export const ECN_MASK = 3;

export const isEct = (trafficClass: number): boolean => (trafficClass & ECN_MASK) !== ECN.notEct;
export const isCe = (trafficClass: number): boolean => (trafficClass & ECN_MASK) === ECN.ce;

/** Sets the ECN field in the octets of an IPv6 packet. */
export function setEcn(packet: Uint8Array, ecn: number): void {
  packet[1] = ((packet[1] ?? 0) & ~(ECN_MASK << 4)) | (ecn << 4);
}

/**
 * RFC 6040 4.2: the field of what comes out of a tunnel, given its own and that of the outer header; undefined: it is
 * dropped, for its sender would not understand the mark.
 */
export function ecnOutOfTunnel(inner: number, outer: number): number | undefined {
  const [own, mark] = [inner & ECN_MASK, outer & ECN_MASK];
  if (mark === ECN.ce) return own === ECN.notEct ? undefined : ECN.ce;
  return mark === ECN.ect1 && own === ECN.ect0 ? ECN.ect1 : own;
}
