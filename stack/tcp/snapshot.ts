// A TCP control block (RFC 9293 3.3.1) as a plain, versioned value that can travel to another node: what the
// handoff sees of TCP's inside. Its form, its CBOR, and how its send buffer travels apart are in the files named.

export { missingFromSendBuffer, withoutSendBuffer, withSendBuffer } from './snapshot-buffer.ts';
export { decodeSnapshot, encodeSnapshot } from './snapshot-codec.ts';
export { type ConnectionSnapshot, SNAPSHOT_VERSION, type StreamChunk, type StreamRange } from './snapshot-form.ts';
