// Servers of node:http, https, http2 and tls, and what is built on them, are net.Servers: their listen() opens a port
// of the machine. Here one of them is made to listen on our TCP: the methods that know of a port become those of a
// Server of ours, and what that accepts is told as 'connection', the way in that each of them documents.

import type * as net from 'node:net';
import { Socket } from './socket.ts';
import type { SocketHome } from './socket-connect.ts';
import { serverNotRunning } from './socket-error.ts';
import { type ListenArguments, Server, type ServerOptions } from './socket-server.ts';

export function serve<T extends net.Server>(home: SocketHome, web: T): T {
  const port = new Server(home, optionsOf(web), (socket) => web.emit('connection', socket));
  const closed = web.close.bind(web);
  for (const event of ['listening', 'error', 'drop'] as const) {
    port.on(event, (...told: unknown[]) => web.emit(event, ...told));
  }
  port.on('close', () => closed()); // it lets go of its timers, and tells 'close'
  web.prependListener('secureConnection', nameEnds);
  Object.defineProperty(port, 'maxConnections', { get: () => web.maxConnections });
  Object.defineProperty(web, 'listening', { get: () => port.listening, enumerable: true, configurable: true });
  return Object.assign(web, {
    listen: (...args: ListenArguments): T => {
      port.listen(...args);
      return web;
    },
    close: (callback?: (error?: Error) => void): T => {
      const error = port.listening ? undefined : serverNotRunning();
      if (callback !== undefined) web.once('close', () => callback(error));
      (web as { closeIdleConnections?(): void }).closeIdleConnections?.();
      port.close();
      return web;
    },
    address: () => port.address(),
    getConnections: (callback: (error: Error | null, count: number) => void): T => {
      port.getConnections(callback);
      return web;
    },
    ref: () => web,
    unref: () => web,
  });
}

const ENDS = ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily'] as const;

/** A TLSSocket over what is no handle of libuv knows neither end: it is told those of the socket below. */
function nameEnds(secure: net.Socket): void {
  const below = socketBelow(secure);
  if (below === undefined) return;
  for (const name of ENDS) Object.defineProperty(secure, name, { get: () => below[name], configurable: true });
}

/** Not in Node's manual: where that changes, the ends are unknown again and nothing else. */
function socketBelow(secure: net.Socket): Socket | undefined {
  const { _handle: handle } = secure as { _handle?: { _parentWrap?: { stream?: unknown } } };
  const stream = handle?._parentWrap?.stream;
  return stream instanceof Socket ? stream : undefined;
}

/** What a net.Server was made with; not in Node's manual, but http.Server tells it what it needs this way. */
function optionsOf(web: net.Server): ServerOptions {
  const { allowHalfOpen, pauseOnConnect, noDelay, keepAlive, keepAliveInitialDelay, highWaterMark } =
    web as ServerOptions;
  const initialDelay = (keepAliveInitialDelay ?? 0) * 1000; // kept in seconds
  return { allowHalfOpen, pauseOnConnect, noDelay, keepAlive, keepAliveInitialDelay: initialDelay, highWaterMark };
}
