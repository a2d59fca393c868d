// What both sides of a script say to each other: every octet follows from its position, so that text in the wrong
// place shows, whoever sends it.

export type Side = 'us' | 'peer';

export function streamText(side: Side, from: number, length: number): Uint8Array {
  const text = new Uint8Array(length);
  for (let i = 0; i < length; i++) text[i] = octetAt(side, from + i);
  return text;
}

/** The position of the first octet that does not belong there. */
export function firstWrongOctet(side: Side, from: number, text: Uint8Array): number | undefined {
  for (let i = 0; i < text.length; i++) if (text[i] !== octetAt(side, from + i)) return from + i;
  return undefined;
}

/** Multiplied by an odd number near 2^32 / phi: neighbours and far positions differ. */
const octetAt = (side: Side, position: number): number =>
  (Math.imul(position + (side === 'us' ? 1 : 0x1000_0001), 0x9e3779b1) >>> 24) & 0xff;
