// The head of an HTTP/1.1 request (RFC 9112 2 to 5, semantics of RFC 9110): octets to a plain struct. Pure, never
// throws, strict where leniency has been abused for request smuggling: no bare LF, no obs-fold, no space
// before a colon, no doubled Host or Content-Length. Bodies are not read here, only seen.

/** Octets of a request head, its empty line included. More is answered with 431. */
export const MAX_HEAD = 16 * 1024;
/** Field lines of one head. */
const MAX_FIELDS = 100;

export interface RequestHead {
  readonly method: string;
  /** As it was sent, in origin-form or absolute-form. */
  readonly target: string;
  readonly minorVersion: 0 | 1;
  /** By lower-case name; values of the same name joined with ', ' (RFC 9110 5.3). */
  readonly fields: ReadonlyMap<string, string>;
  /** The connection can take another request after this one (RFC 9112 9.3). */
  readonly keepAlive: boolean;
  readonly hasBody: boolean;
}

export type HeadResult =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused'; readonly status: 400 | 431 | 505; readonly reason: string }
  /** `end`: octets taken, leading empty lines included. */
  | { readonly kind: 'request'; readonly request: RequestHead; readonly end: number };

const refused = (status: 400 | 431 | 505, reason: string): HeadResult => ({ kind: 'refused', status, reason });

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/(\d)\.(\d)$/;
// The value begins and ends with a visible octet, so that nothing in here can match in more than one way.
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*$/;
/** Fields that make two readings of one request possible when they are there twice (RFC 9112 3.2, 6.3). */
const SINGLE = new Set(['host', 'content-length', 'transfer-encoding']);

/** The first request in `bytes`. */
export function parseRequestHead(bytes: Uint8Array): HeadResult {
  const start = skipEmptyLines(bytes);
  const end = findHeadEnd(bytes, start);
  if (end === undefined) {
    return bytes.length - start > MAX_HEAD ? refused(431, 'the request head is too long') : { kind: 'incomplete' };
  }
  if (end - start > MAX_HEAD) return refused(431, 'the request head is too long');
  const [first = '', ...lines] = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start - 4)
    .toString('latin1')
    .split('\r\n');
  const [, method, target, major, minor] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined || target === undefined) return refused(400, 'not a request line');
  if (major !== '1') return refused(505, 'not HTTP/1');
  const fields = parseFields(lines);
  if (typeof fields === 'string') return refused(400, fields);
  if (minor !== '0' && !fields.has('host')) return refused(400, 'no Host field');
  const minorVersion = minor === '0' ? 0 : 1;
  const hasBody = fields.has('transfer-encoding') || (fields.get('content-length') ?? '0') !== '0';
  const keepAlive = isPersistent(minorVersion, fields.get('connection') ?? '');
  return { kind: 'request', request: { method, target, minorVersion, fields, keepAlive, hasBody }, end };
}

/** RFC 9112 2.2: at least one empty line before a request line is ignored. */
function skipEmptyLines(bytes: Uint8Array): number {
  let at = 0;
  while (bytes[at] === 0x0d && bytes[at + 1] === 0x0a && at < MAX_HEAD) at += 2;
  return at;
}

/** Offset behind the first CR LF CR LF, searched no further than a head may reach. */
function findHeadEnd(bytes: Uint8Array, start: number): number | undefined {
  const last = Math.min(bytes.length, start + MAX_HEAD);
  for (let at = bytes.indexOf(0x0d, start); at >= 0 && at + 4 <= last; at = bytes.indexOf(0x0d, at + 1)) {
    if (bytes[at + 1] === 0x0a && bytes[at + 2] === 0x0d && bytes[at + 3] === 0x0a) return at + 4;
  }
  return undefined;
}

function parseFields(lines: readonly string[]): Map<string, string> | string {
  if (lines.length > MAX_FIELDS) return 'too many fields';
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) return 'not a field line';
    const key = name.toLowerCase();
    const before = fields.get(key);
    if (before !== undefined && SINGLE.has(key)) return `${key} is there twice`;
    fields.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}

function isPersistent(minorVersion: 0 | 1, connection: string): boolean {
  const options = connection.split(',').map((option) => option.trim().toLowerCase());
  return minorVersion === 1 ? !options.includes('close') : options.includes('keep-alive');
}

/**
 * The path that a request target names, percent-decoded, as segments joined with '/' without a leading one.
 * Undefined for anything that could lead out of a directory, and for the other forms of a target.
 */
export function pathOfTarget(target: string): string | undefined {
  const origin = target.replace(/^http:\/\/[^/?]*/i, '');
  const path = origin.split('?', 1)[0] ?? '';
  if (!path.startsWith('/')) return undefined;
  let decoded: string;
  try {
    decoded = decodeURIComponent(path.slice(1));
  } catch {
    return undefined;
  }
  if (decoded.includes('\0') || decoded.includes('\\')) return undefined;
  const segments = decoded.split('/');
  return segments.some((segment) => segment === '' || segment === '.' || segment === '..') ? undefined : decoded;
}
