// Message digests for return routability (RFC 6275 5.2), RFC 4285 and RFC 6528, over node:crypto.
// The one place in the sans-IO core that imports from node.

import { createHash, createHmac } from 'node:crypto';

export type DigestName = 'sha1' | 'sha256';

export function digest(name: DigestName, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

export function hmac(name: DigestName, key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac(name, key);
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}
