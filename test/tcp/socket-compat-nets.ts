// Networks with one face for tests that hold our sockets against those of node:net: the kernel's loopback, and two
// hosts of ours over a pipe, once without delay (the peer answers from inside the call) and once with a
// millisecond each way. Each end has its `net`: what a test does with it is what a program does with node:net.

import { once } from 'node:events';
import * as net from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe } from 'vitest';
import { createHost, milliseconds, type Net, pipe, TimerQueue } from '../../stack/index.ts';

export interface ServeOptions {
  readonly allowHalfOpen?: boolean;
  readonly pauseOnConnect?: boolean;
  readonly highWaterMark?: number;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
  readonly keepAliveInitialDelay?: number;
}

export interface DialOptions extends Omit<ServeOptions, 'pauseOnConnect'> {
  readonly port: number;
  /** Default: where the servers are. */
  readonly address?: string;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly signal?: AbortSignal;
  readonly timeout?: number;
}

export interface Network {
  /** Where servers are. */
  readonly address: string;
  /** Whence clients call. */
  readonly clientAddress: string;
  /** The module where servers are, and the one whence clients call. */
  readonly net: Net;
  readonly clientNet: Net;
  createServer(options?: ServeOptions, onSocket?: (socket: net.Socket) => void): net.Server;
  connect(options: DialOptions): net.Socket;
  /** Where a server of node:http and its like listens. */
  serve<T extends net.Server>(server: T): T;
  close(): void;
}

const SERVER = '2001:db8::1';
const CLIENT = '2001:db8::2';

/** The 'close' of each socket, whether it is still to come or has been. */
const closings = new WeakMap<net.Socket, Promise<unknown>>();

function watch(socket: net.Socket): net.Socket {
  closings.set(socket, new Promise((resolve) => socket.once('close', resolve)));
  return socket;
}

/** After the 'close' of a socket of a Network. */
export const closed = async (socket: net.Socket): Promise<unknown> => closings.get(socket);

/** What node:net itself does, over the kernel's loopback. */
function kernel(): Network {
  const opened = new Set<net.Socket>();
  const track = (socket: net.Socket): net.Socket => {
    opened.add(socket);
    return watch(socket);
  };
  return {
    address: '::1',
    clientAddress: '::1',
    net: { ...net, Stream: net.Socket },
    clientNet: { ...net, Stream: net.Socket },
    createServer: (options = {}, onSocket) => {
      const server = net.createServer(options).on('connection', track).unref();
      return onSocket === undefined ? server : server.on('connection', onSocket);
    },
    connect: ({ address = '::1', ...options }) => track(net.connect({ host: address, ...options })),
    serve: (server) => server,
    close: () => {
      for (const socket of opened) socket.destroy();
    },
  };
}

/** Our sockets, taken for net.Socket by the program that uses them. */
function homeport(delayMs: number): Network {
  const timers = new TimerQueue();
  const [a, b] = pipe(delayMs === 0 ? {} : { deferred: { timers, delay: milliseconds(delayMs) } });
  const host = createHost({ device: a, addresses: [SERVER], timers });
  const client = createHost({ device: b, addresses: [CLIENT], timers, runTimers: false });
  return {
    address: SERVER,
    clientAddress: CLIENT,
    net: host.net,
    clientNet: client.net,
    createServer: (options, onSocket) => {
      const server = host.net.createServer(options).on('connection', watch);
      return onSocket === undefined ? server : server.on('connection', onSocket);
    },
    connect: ({ address = SERVER, ...options }) => watch(client.net.connect({ host: address, ...options })),
    serve: (server) => host.serve(server),
    close: () => {
      host.close();
      client.close();
    },
  };
}

/** Ours without delay, for what is built on node:net. */
export const ourNetwork = (): Network => homeport(0);

const hasLoopback = (): boolean =>
  Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));

/** Declares the same tests for each network. Without ::1 the kernel's turn is skipped, but not under CI. */
export function onEachNetwork(declare: (network: () => Network) => void): void {
  const networks: readonly (readonly [name: string, create: () => Network])[] = [
    ['node:net', kernel],
    ['homeport', () => homeport(0)],
    ['homeport, 1 ms away', () => homeport(1)],
  ];
  for (const [name, create] of networks) {
    const skipped = create === kernel && !hasLoopback() && process.env.CI !== 'true';
    describe.skipIf(skipped)(skipped ? `${name} (skipped: no ::1 here)` : name, () => {
      let network: Network;
      beforeEach(() => {
        network = create();
      });
      afterEach(() => network.close());
      declare(() => network);
    });
  }
}

export const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;

/** A server that listens on a free port of the network. */
export async function serving(
  network: Network,
  onSocket?: (socket: net.Socket) => void,
  options: ServeOptions = {},
): Promise<{ readonly server: net.Server; readonly port: number }> {
  const server = network.createServer(options, onSocket).listen({ port: 0, host: network.address });
  await once(server, 'listening');
  return { server, port: portOf(server) };
}

export interface Ends {
  readonly server: net.Server;
  readonly client: net.Socket;
  /** The server's end of the same connection. */
  readonly peer: net.Socket;
}

/** A connection, with both ends at hand. */
export async function connected(
  network: Network,
  options: { readonly serve?: ServeOptions; readonly dial?: Omit<DialOptions, 'port'> } = {},
): Promise<Ends> {
  const { server, port } = await serving(network, undefined, options.serve);
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const client = network.connect({ port, ...options.dial });
  const [[peer]] = await Promise.all([accepted, once(client, 'connect')]);
  return { server, client, peer };
}

/** What a socket tells, in its order; errors by their code, 'close' with its argument. */
export function diary(socket: net.Socket): string[] {
  const entries: string[] = [];
  for (const event of ['connect', 'ready', 'end', 'finish', 'timeout'] as const) {
    socket.on(event, () => entries.push(event));
  }
  socket.on('error', (error: NodeJS.ErrnoException) => entries.push(`error ${error.code}`));
  socket.on('close', (hadError: boolean) => entries.push(`close ${hadError}`));
  return entries;
}

/** The error a socket is destroyed with. */
export const failure = (socket: net.Socket): Promise<NodeJS.ErrnoException> =>
  new Promise((resolve) => socket.once('error', resolve));
