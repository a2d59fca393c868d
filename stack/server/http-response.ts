// Heads of HTTP/1.1 responses (RFC 9112 4), and whole responses for what went wrong.

const REASON = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  206: 'Partial Content',
  304: 'Not Modified',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  411: 'Length Required',
  416: 'Range Not Satisfiable',
  431: 'Request Header Fields Too Large',
  417: 'Expectation Failed',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
} as const;

export type Status = keyof typeof REASON;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  jpg: 'image/jpeg',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
};

/** By the ending of the path; octets where it says nothing. */
export function contentTypeOf(path: string): string {
  const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  return Object.hasOwn(CONTENT_TYPES, ending) ? (CONTENT_TYPES[ending] ?? '') : 'application/octet-stream';
}

/** RFC 9110 15.2.1. */
export const CONTINUE: Uint8Array = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

export type Fields = Readonly<Record<string, string | number>>;

/** Status line and fields. `date`: when the response was made (RFC 9110 6.6.1). */
export function responseHead(status: Status, fields: Fields, keepAlive: boolean, date: Date): Uint8Array {
  const lines = [`HTTP/1.1 ${status} ${REASON[status]}`, `Date: ${date.toUTCString()}`, 'Server: homeport'];
  for (const [name, value] of Object.entries(fields)) lines.push(`${name}: ${value}`);
  lines.push(`Connection: ${keepAlive ? 'keep-alive' : 'close'}`, '', '');
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

/** A whole response with the reason as its text. */
export function plainResponse(
  status: Status,
  reason: string,
  keepAlive: boolean,
  date: Date,
  more: Fields = {},
): Uint8Array {
  const body = Buffer.from(`${status} ${REASON[status]}: ${reason}\n`);
  const fields = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': body.length, ...more };
  return Buffer.concat([responseHead(status, fields, keepAlive, date), body]);
}
