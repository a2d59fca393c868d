// The HTTP half of the proxy (RFC 9110 7, 9.3.6; RFC 9112 3.2.2): CONNECT makes a tunnel, a request for a whole URL is
// sent on as a request for its path. HTTP itself is node:http's, on either side.

import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { explain } from '../errors.ts';
import type { Upstream } from './proxy-server.ts';
import { join, lastWords } from './tunnel.ts';

const MAX_HEADER_OCTETS = 16 * 1024;

/** RFC 9110 7.6.1: they are between us and the program, as is what Connection names. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export interface HttpProxyOptions {
  readonly upstream: Upstream;
  readonly failed: (reason: string) => void;
  /** Of a program that was refused, until it has closed. */
  readonly patienceMs: number;
}

/** Sockets are given to it with a timeout, which ends when their first request is there. */
export function createHttpProxy(options: HttpProxyOptions): Server {
  // An upload may take as long as it takes.
  const server = createServer({ maxHeaderSize: MAX_HEADER_OCTETS, requestTimeout: 0 }, (asked, answer) => {
    asked.socket.setTimeout(0);
    sendOn(asked, answer, options);
  });
  server.on('connect', (asked: IncomingMessage, _socket: Duplex, head: Buffer) => {
    asked.socket.setTimeout(0);
    tunnel(asked.url ?? '', asked.socket, head, options);
  });
  return server;
}

/** RFC 9110 9.3.6: the target is host and port. */
function tunnel(target: string, near: Socket, head: Buffer, { upstream, failed, patienceMs }: HttpProxyOptions): void {
  near.on('error', () => {}); // its 'close' follows
  const url = URL.canParse(`http://${target}`) ? new URL(`http://${target}`) : undefined;
  const port = /:(\d+)$/.exec(target)?.[1];
  if (url === undefined || port === undefined) {
    lastWords(near, responseOf(400, 'CONNECT needs a host and a port'), patienceMs);
    return;
  }
  const far = upstream({ host: unbracketed(url.hostname), port: Number(port) });
  const gone = (): void => void far.destroy();
  near.once('close', gone);
  const refuse = (error: Error): void => {
    failed(`${target}: ${explain(error)}`);
    lastWords(near, responseOf(502, explain(error)), patienceMs);
  };
  far.once('error', refuse);
  far.once('connect', () => {
    far.off('error', refuse);
    near.off('close', gone);
    near.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) far.write(head);
    join(near, far);
  });
}

function sendOn(asked: IncomingMessage, answer: ServerResponse, { upstream, failed }: HttpProxyOptions): void {
  const url = URL.canParse(asked.url ?? '') ? new URL(asked.url ?? '') : undefined;
  if (url?.protocol !== 'http:') {
    answer.writeHead(400, { connection: 'close' }).end('This is a proxy: it takes http:// URLs and CONNECT.\n');
    return;
  }
  const port = url.port === '' ? 80 : Number(url.port);
  const fail = (error: Error): void => {
    failed(`${url.host}: ${explain(error)}`);
    if (answer.headersSent) answer.destroy();
    else answer.writeHead(502, { connection: 'close' }).end(`${explain(error)}\n`);
  };
  const onward = request({
    createConnection: () => upstream({ host: unbracketed(url.hostname), port }),
    method: asked.method,
    path: url.pathname + url.search,
    headers: { ...passedOn(asked), host: url.host, via: viaWith(asked) },
  });
  onward.on('error', fail);
  onward.on('response', (response) => {
    answer.writeHead(response.statusCode ?? 502, { ...passedOn(response), via: viaWith(response) });
    response.on('error', fail).pipe(answer);
  });
  onward.on('continue', () => answer.writeContinue());
  answer.on('close', () => onward.destroy());
  asked.pipe(onward);
}

function passedOn({ headers }: IncomingMessage): OutgoingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !named.includes(name)));
}

/** RFC 9110 7.6.3. */
const viaWith = ({ headers, httpVersion }: IncomingMessage): string =>
  [headers.via, `${httpVersion} homeport`].filter((each) => each !== undefined).join(', ');

const unbracketed = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

const responseOf = (status: number, text: string): string =>
  `HTTP/1.1 ${status} ${status === 400 ? 'Bad Request' : 'Bad Gateway'}\r\nconnection: close\r\n` +
  `content-type: text/plain\r\ncontent-length: ${Buffer.byteLength(text) + 1}\r\n\r\n${text}\n`;
