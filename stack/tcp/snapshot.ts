// A TCP control block (RFC 9293 3.3.1) as a plain, versioned value that can travel to another node, and
// its CBOR form. Times are ages relative to the moment of the cut, so the clocks of two nodes need not agree.

/** Raised whenever a field changes its meaning; a node refuses a snapshot of another version. */
export const SNAPSHOT_VERSION = 1;

export interface ConnectionSnapshot {
  readonly version: typeof SNAPSHOT_VERSION;
}
