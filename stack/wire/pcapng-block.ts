// The numbers of the pcapng capture format (draft-ietf-opsawg-pcapng) that the encoder and the reader share.

/** Packets begin with their IPv4 or IPv6 header. */
export const LINKTYPE_RAW = 101;

export const PCAPNG_BLOCK = {
  sectionHeader: 0x0a0d0d0a,
  interfaceDescription: 1,
  simplePacket: 3,
  enhancedPacket: 6,
  decryptionSecrets: 10,
} as const;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Options, by the block they are in; `end` and `comment` go with any. */
export const PCAPNG_OPTION = {
  end: 0,
  comment: 1,
  sectionUserApplication: 4,
  interfaceName: 2,
  interfaceDescription: 3,
  interfaceTimeResolution: 9,
  interfaceTimeOffset: 14,
} as const;

/** Everything in a block is padded to 4 octets. */
export const padded = (length: number): number => (length + 3) & ~3;
