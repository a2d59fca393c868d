// What a PUT has to say before its file is stored (RFC 9110 9.3.4, RFC 9112 6.3), and what its client is told when it is not.

import type { NotWritable } from './file-upload.ts';
import type { RequestHead } from './http-request.ts';

/** RFC 9112 6.3. undefined: not told, or not understood. */
export function lengthOf({ fields }: RequestHead): number | undefined {
  const field = fields.get('content-length');
  const length = field !== undefined && /^\d{1,15}$/.test(field) ? Number(field) : undefined;
  return fields.has('transfer-encoding') ? undefined : length;
}

export function refusalOf(
  { fields }: RequestHead,
  path: string | undefined,
  length: number | undefined,
): NotWritable | undefined {
  if (path === undefined) return { status: 403, reason: 'not the name of a file' };
  // RFC 9112 6.3: what is there has to be a number.
  const isTold = fields.has('content-length') && !fields.has('transfer-encoding');
  if (length === undefined && isTold) return { status: 400, reason: 'Content-Length is not a number' };
  if (length === undefined) return { status: 411, reason: 'a file is stored with its Content-Length only' };
  // RFC 9110 14.5.
  if (fields.has('content-range')) return { status: 400, reason: 'a part of a file cannot be stored' };
  // RFC 9110 10.1.1.
  if ((fields.get('expect') ?? '100-continue').toLowerCase() !== '100-continue') {
    return { status: 417, reason: 'the only expectation served is 100-continue' };
  }
  return undefined;
}

/** What the system's error means to a client. */
export function problemOf(error: unknown): NotWritable {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  return full ? { status: 507, reason: 'no room for the file' } : { status: 500, reason: 'the file cannot be stored' };
}
