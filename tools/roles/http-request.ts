// The part of HTTP/1.1 (RFC 9112) that a file server needs: a request's head from octets as they come in, and the
// head of a response. Bodies of requests are not taken.

export interface HttpRequest {
  readonly method: string;
  /** Decoded, absolute, without '.' and '..' (RFC 3986 5.2.4); undefined where it is no such path. */
  readonly path: string | undefined;
  readonly keepAlive: boolean;
  readonly hasBody: boolean;
}

export type HeadResult =
  | { readonly kind: 'more' }
  | { readonly kind: 'bad'; readonly status: number }
  | { readonly kind: 'request'; readonly request: HttpRequest; readonly rest: Uint8Array };

export const MAX_HEAD = 16 * 1024;
const END = [13, 10, 13, 10];

/** The first request in what has come in so far. */
export function readHead(octets: Uint8Array): HeadResult {
  const end = findEnd(octets);
  if (end === undefined) return octets.length > MAX_HEAD ? { kind: 'bad', status: 431 } : { kind: 'more' };
  const [first = '', ...fields] = new TextDecoder('latin1').decode(octets.subarray(0, end)).split('\r\n');
  const [, method, target, minor] = /^([A-Z]+) (\S+) HTTP\/1\.([01])$/.exec(first) ?? [];
  if (method === undefined || target === undefined) return { kind: 'bad', status: 400 };
  const headers = new Map(fields.map(parseField));
  const connection = (headers.get('connection') ?? '').toLowerCase();
  const request: HttpRequest = {
    method,
    path: decodePath(target),
    keepAlive: minor === '1' ? !connection.includes('close') : connection.includes('keep-alive'),
    hasBody: headers.has('transfer-encoding') || Number(headers.get('content-length') ?? 0) > 0,
  };
  return { kind: 'request', request, rest: octets.subarray(end + END.length) };
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
};

export function responseHead(
  status: number,
  length: number,
  keepAlive: boolean,
  type = 'application/octet-stream',
): string {
  return [
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Error'}`,
    `Content-Length: ${length}`,
    `Content-Type: ${type}`,
    `Connection: ${keepAlive ? 'keep-alive' : 'close'}`,
    'Server: homeport',
    '\r\n',
  ].join('\r\n');
}

export const reasonOf = (status: number): string => `${status} ${REASONS[status] ?? 'Error'}\n`;

function findEnd(octets: Uint8Array): number | undefined {
  const last = Math.min(octets.length, MAX_HEAD) - END.length;
  for (let at = 0; at <= last; at++) if (END.every((octet, i) => octets[at + i] === octet)) return at;
  return undefined;
}

function parseField(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function decodePath(target: string): string | undefined {
  try {
    // URL resolves '.' and '..' in every spelling; what it leaves of them, after decoding, is refused.
    const path = decodeURIComponent(new URL(target, 'http://localhost').pathname);
    return path.includes('\0') || path.split(/[/\\]/).includes('..') ? undefined : path;
  } catch {
    return undefined;
  }
}
