// The module node:net over our TCP: the same names, called in the same ways, so that a program which is given its
// `net` does not see which one it has. What knows no host is node:net's own.

import * as net from 'node:net';
import { connectSocket, Socket, type SocketConnectOptions } from './socket.ts';
import type { ConnectArguments, SocketHome } from './socket-connect.ts';
import { Server, type ServerOptions, type SocketListener } from './socket-server.ts';

/** What programs use of node:net, with its types. */
export type Net = Pick<
  typeof net,
  | 'BlockList'
  | 'Server'
  | 'Socket'
  | 'SocketAddress'
  | 'connect'
  | 'createConnection'
  | 'createServer'
  | 'getDefaultAutoSelectFamily'
  | 'getDefaultAutoSelectFamilyAttemptTimeout'
  | 'isIP'
  | 'isIPv4'
  | 'isIPv6'
  | 'setDefaultAutoSelectFamily'
  | 'setDefaultAutoSelectFamilyAttemptTimeout'
> & { readonly Stream: typeof net.Socket };

export function createNet(home: SocketHome): Net {
  const connect = (...args: ConnectArguments<SocketConnectOptions>): Socket => connectSocket(home, ...args);
  const createServer = (options?: ServerOptions | SocketListener, onSocket?: SocketListener): Server =>
    new Server(home, options, onSocket);
  const SocketOfHome = bound(Socket, home);
  // Ours are no subclasses of net's: that they can be taken for them is what test/tcp/socket-compat-* is for.
  return {
    BlockList: net.BlockList,
    Server: bound(Server, home),
    Socket: SocketOfHome,
    SocketAddress: net.SocketAddress,
    Stream: SocketOfHome,
    connect,
    createConnection: connect,
    createServer,
    getDefaultAutoSelectFamily: net.getDefaultAutoSelectFamily,
    getDefaultAutoSelectFamilyAttemptTimeout: net.getDefaultAutoSelectFamilyAttemptTimeout,
    isIP: net.isIP,
    isIPv4: net.isIPv4,
    isIPv6: net.isIPv6,
    setDefaultAutoSelectFamily: net.setDefaultAutoSelectFamily,
    setDefaultAutoSelectFamilyAttemptTimeout: net.setDefaultAutoSelectFamilyAttemptTimeout,
  } satisfies Record<keyof Net, unknown> as unknown as Net;
}

/** A class whose first argument is given: with or without `new`, and to be extended, as the classes of node:net. */
function bound<Instance extends object>(
  target: { new (home: SocketHome, ...args: never[]): Instance; readonly prototype: Instance },
  home: SocketHome,
): unknown {
  function Bound(...args: unknown[]): Instance {
    return Reflect.construct(target, [home, ...args], new.target ?? Bound);
  }
  Bound.prototype = target.prototype;
  return Bound;
}
