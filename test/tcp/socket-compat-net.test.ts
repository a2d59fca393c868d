// The module itself: programs that are given `net`, by the same test on node:net and on host.net. Classes made by hand,
// every form of connect() and listen(), connecting again, names, arguments that are wrong, and what only options show.

import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter, getEventListeners, once } from 'node:events';
import type * as nodeNet from 'node:net';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { inherits } from 'node:util';
import { expect, test } from 'vitest';
import type { Net } from '../../stack/index.ts';
import { connected, failure, onEachNetwork, portOf, serving } from './socket-compat-nets.ts';

/** A program in one source: it asks a server of lines for a word upside down. */
async function program(net: Net, from: Net, host: string, word: string): Promise<string> {
  const server = net.createServer((socket) => {
    createInterface({ input: socket }).on('line', (line) => socket.write(`${[...line].reverse().join('')}\n`));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const client = from.connect(portOf(server), host, () => client.write(`${word}\n`));
  let answer = '';
  for await (const line of createInterface({ input: client })) {
    answer = line;
    client.end();
  }
  server.close();
  await once(server, 'close');
  return answer;
}

/** Every member by the types of Node 20; what is optional or gone is undefined. */
const OF_SOCKET = {
  address: 1,
  autoSelectFamilyAttemptedAddresses: undefined, // only where addresses of both families are tried
  bufferSize: 1,
  bytesRead: 1,
  bytesWritten: 1,
  connect: 1,
  connecting: 1,
  destroySoon: 1,
  localAddress: 1,
  localFamily: 1,
  localPort: 1,
  pending: 1,
  readyState: 1,
  ref: 1,
  remoteAddress: 1,
  remoteFamily: 1,
  remotePort: 1,
  resetAndDestroy: 1,
  setKeepAlive: 1,
  setNoDelay: 1,
  setTimeout: 1,
  timeout: undefined, // only once it has been set
  unref: 1,
} satisfies Record<Exclude<keyof nodeNet.Socket, keyof Duplex>, 1 | undefined>;

const OF_SERVER = {
  address: 1,
  close: 1,
  connections: undefined, // gone since Node 10
  getConnections: 1,
  listen: 1,
  listening: 1,
  maxConnections: undefined, // only once it has been set
  ref: 1,
  unref: 1,
} satisfies Record<Exclude<keyof nodeNet.Server, keyof EventEmitter | symbol>, 1 | undefined>;

const OF_NET = {
  BlockList: 1,
  Server: 1,
  Socket: 1,
  SocketAddress: 1,
  Stream: 1,
  connect: 1,
  createConnection: 1,
  createServer: 1,
  getDefaultAutoSelectFamily: 1,
  getDefaultAutoSelectFamilyAttemptTimeout: 1,
  isIP: 1,
  isIPv4: 1,
  isIPv6: 1,
  setDefaultAutoSelectFamily: 1,
  setDefaultAutoSelectFamilyAttemptTimeout: 1,
} satisfies Record<keyof typeof nodeNet | 'Stream', 1>;

const thrown = (attempt: () => unknown): unknown => {
  try {
    attempt();
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    return `${name} ${code}: ${message}`;
  }
  return 'nothing thrown';
};

onEachNetwork((network) => {
  const echo = (socket: nodeNet.Socket): unknown => socket.on('error', () => {}).pipe(socket);

  test('one program, whichever net it is given', async () => {
    const { net, clientNet, address } = network();
    expect(await program(net, clientNet, address, 'stressed')).toBe('desserts');
  });

  test('a Socket made by hand: nothing to be had before connect(), then as any other', async () => {
    const { port } = await serving(network(), echo);
    const socket = new (network().clientNet.Socket)();
    expect(socket).toMatchObject({ connecting: false, pending: true, readyState: 'open', bytesRead: 0 });
    expect([socket.remoteAddress, socket.localPort, socket.bufferSize, socket.timeout]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(socket.address()).toEqual({});
    socket.setNoDelay().setKeepAlive(true, 1000).setTimeout(60_000);
    expect(socket.connect(port, network().address)).toBe(socket);
    expect(socket).toMatchObject({ connecting: true, pending: true, readyState: 'opening', timeout: 60_000 });
    socket.end('by hand');
    expect(await text(socket)).toBe('by hand');
    expect(socket.remoteAddress).toBe(undefined);
  });

  test('a write before connect() is ERR_SOCKET_CLOSED; so is resetAndDestroy()', async () => {
    const { Socket } = network().clientNet;
    const socket = new Socket();
    const failed = failure(socket);
    const answered = new Promise<unknown>((resolve) => socket.write('nowhere', resolve));
    expect([(await failed).code, (await failed).message]).toEqual(['ERR_SOCKET_CLOSED', 'Socket is closed']);
    expect(await answered).toBe(await failed);
    const other = new Socket();
    const refused = failure(other);
    other.resetAndDestroy();
    expect((await refused).code).toBe('ERR_SOCKET_CLOSED');
  });

  test('a Socket that was never connected closes without an error', async () => {
    const socket = new (network().clientNet.Socket)();
    socket.destroy();
    const [hadError] = await once(socket, 'close');
    expect(hadError).not.toBe(true);
  });

  test('with or without new, instanceof, and classes of their own', async () => {
    const { net, clientNet } = network();
    const bare = clientNet.Socket as unknown as () => nodeNet.Socket;
    expect(bare()).toBeInstanceOf(clientNet.Socket);
    expect((net.Server as unknown as () => nodeNet.Server)()).toBeInstanceOf(net.Server);
    class Counting extends clientNet.Socket {
      told = 0;
      override emit(event: string | symbol, ...args: unknown[]): boolean {
        this.told += 1;
        return super.emit(event, ...args);
      }
    }
    const { server, port } = await serving(network(), (socket) => {
      expect(socket).toBeInstanceOf(net.Socket);
      socket.end('counted');
    });
    expect(server).toBeInstanceOf(net.Server);
    expect(server).toBeInstanceOf(EventEmitter);
    const socket = new Counting().connect({ port, host: network().address });
    expect(socket).toBeInstanceOf(Counting);
    expect(socket).toBeInstanceOf(clientNet.Stream);
    expect(network().clientNet.connect({ port, host: network().address }).destroy()).not.toBeInstanceOf(Counting);
    expect(await text(socket)).toBe('counted');
    expect(socket.told).toBeGreaterThan(3);
    expect(() => inherits(function Old() {}, clientNet.Socket)).not.toThrow();
  });

  test('connect(options, callback), connect(port, host, callback), connect(port, host), a port as text', async () => {
    const { clientNet, address } = network();
    const { port } = await serving(network(), (socket) => socket.end('hello'));
    const called: number[] = [];
    const sockets = [
      clientNet.connect({ port, host: address }, () => called.push(1)),
      clientNet.createConnection(port, address, () => called.push(2)),
      clientNet.createConnection(port, address),
      clientNet.connect({ port: String(port) as never, host: address }),
      new clientNet.Socket().connect({ port, host: address }, () => called.push(3)),
    ];
    expect(await Promise.all(sockets.map(text))).toEqual(sockets.map(() => 'hello'));
    expect(called.sort()).toEqual([1, 2, 3]);
  });

  test('without a host: this one, where a server listens on any address, or on localhost', async () => {
    const { net } = network();
    const server = net.createServer((socket) => socket.end(`from ${socket.remoteFamily?.slice(0, 3)}`)).listen(0);
    const local = net.createServer((socket) => socket.end('local')).listen(0, 'localhost');
    await Promise.all([once(server, 'listening'), once(local, 'listening')]);
    const client = net.connect(portOf(server));
    expect(await text(client)).toBe('from IPv');
    expect(await text(net.connect(portOf(local), 'localhost'))).toBe('local');
    for (const each of [server, local]) each.close();
  });

  test('connectionAttempt tells where; a failure tells connectionAttemptFailed, then error', async () => {
    const { server, port } = await serving(network(), echo);
    const { address, clientNet } = network();
    const client = clientNet.connect(port, address);
    const told: unknown[] = [];
    const note = (socket: nodeNet.Socket): void => {
      socket.on('connectionAttempt', (...where) => told.push(['attempt', ...where]));
      socket.on('connectionAttemptFailed', (ip, to, family, error) => told.push([ip, to, family, error]));
      socket.on('connect', () => told.push('connect')).on('error', (error) => told.push(error));
    };
    note(client);
    await once(client, 'connect');
    client.destroy();
    server.close();
    await once(server, 'close');
    const refused = clientNet.connect(port, address);
    note(refused);
    await new Promise((resolve) => refused.once('close', resolve));
    const error = expect.objectContaining({ code: 'ECONNREFUSED' });
    const attempt = ['attempt', address, port, 6];
    expect(told).toEqual([attempt, 'connect', attempt, [address, port, 6, error], error]);
  });

  test('a failure names the local end, where it was chosen', async () => {
    const { server, port } = await serving(network());
    server.close();
    await once(server, 'close');
    const { address, clientAddress, clientNet } = network();
    const local = { localAddress: clientAddress, localPort: 47_011 };
    const error = await failure(clientNet.connect({ port, host: address, ...local }));
    expect(error).toMatchObject({ ...local, address, port, syscall: 'connect' });
    expect(error.message).toBe(`connect ECONNREFUSED ${address}:${port} - Local (${clientAddress}:47011)`);
  });

  test('a port that is taken at our own end: EADDRINUSE of connect', async () => {
    const { client, server } = await connected(network());
    const local = { localAddress: network().clientAddress, localPort: client.localPort ?? 0 };
    const again = network().clientNet.connect({ port: portOf(server), host: network().address, ...local });
    expect(await failure(again)).toMatchObject({ code: 'EADDRINUSE' });
  });

  test("a socket that has closed connects again, from its 'close', with nothing left of before", async () => {
    const { port } = await serving(network(), (socket) => socket.once('data', (data) => socket.end(`${data}!`)));
    const { address, clientNet } = network();
    const socket = new clientNet.Socket();
    const heard: string[] = [];
    socket.setEncoding('utf8').on('data', (data: string) => heard.push(data));
    for (const word of ['one', 'two', 'three']) {
      socket.connect(port, address, () => {
        heard.push(`${socket.bytesRead} ${socket.readyState} ${socket.destroyed}`);
        socket.write(word);
      });
      await once(socket, 'close');
    }
    expect(heard.filter((each) => each.endsWith('!'))).toEqual(['one!', 'two!', 'three!']);
    expect(heard.filter((each) => !each.endsWith('!'))).toEqual(Array(3).fill('0 open false'));
  });

  test('a client that tries again until the server is there', async () => {
    const { server, port } = await serving(network(), echo);
    server.close();
    await once(server, 'close');
    const { address, clientNet } = network();
    const socket = new clientNet.Socket();
    const codes: (string | undefined)[] = [];
    socket.on('error', (error: NodeJS.ErrnoException) => codes.push(error.code));
    socket.on('close', (hadError) => {
      if (codes.length === 2 && !server.listening) server.listen(port, address);
      if (hadError) socket.connect(port, address);
    });
    socket.connect(port, address);
    await new Promise((resolve) => socket.once('ready', resolve));
    socket.end('at last');
    expect([await text(socket), codes]).toEqual(['at last', ['ECONNREFUSED', 'ECONNREFUSED']]);
  });

  test('a lookup finds the address of a name, and says so', async () => {
    const { port } = await serving(network(), (socket) => socket.end('found'));
    const { address, clientNet } = network();
    const asked: unknown[] = [];
    const socket = clientNet.connect({
      port,
      host: 'somewhere.test',
      family: 6,
      lookup: (name, options, found) => {
        asked.push(name, options.family);
        found(null, address, 6);
      },
    });
    socket.on('lookup', (...said) => asked.push(said));
    expect(await text(socket)).toBe('found');
    expect(asked).toEqual(['somewhere.test', 6]);
  });

  test('a lookup that gives all addresses there are', async () => {
    const { port } = await serving(network(), (socket) => socket.end('found'));
    const { address, clientNet } = network();
    const lookup: nodeNet.LookupFunction = (_name, _options, found) => found(null, [{ address, family: 6 }]);
    expect(await text(clientNet.connect({ port, host: 'somewhere.test', lookup }))).toBe('found');
  });

  test('nothing that node:net documents is missing', () => {
    const { net } = network();
    const missing = (names: object, from: object): string[] =>
      Object.entries(names).flatMap(([name, documented]) => (documented === undefined || name in from ? [] : [name]));
    expect(missing(OF_NET, net)).toEqual([]);
    expect(missing(OF_SOCKET, new net.Socket())).toEqual([]);
    expect(
      missing(
        OF_SERVER,
        net.createServer().on('error', () => {}),
      ),
    ).toEqual([]);
    expect(Symbol.asyncDispose in net.createServer() && Symbol.asyncDispose in new net.Socket()).toBe(true);
  });

  test.each([
    ['an error', 'ENOTFOUND', (found: LookupCallback) => found(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))],
    ['what is no address', 'ERR_INVALID_IP_ADDRESS', (found: LookupCallback) => found(null, 'nonsense', 6)],
    ['a family that is none', 'ERR_INVALID_ADDRESS_FAMILY', (found: LookupCallback) => found(null, '::1', 5)],
  ])('a lookup that gives %s: %s', async (_what, code, answer) => {
    const told: unknown[] = [];
    const lookup = (_name: string, _options: unknown, found: unknown): unknown =>
      setImmediate(answer, found as LookupCallback);
    const socket = network().clientNet.connect({ port: 1, host: 'somewhere.test', family: 6, lookup: lookup as never });
    socket.on('lookup', (_error, _ip, _family, host) => told.push(host));
    expect((await failure(socket)).code).toBe(code);
    expect(told).toEqual(['somewhere.test']);
  });

  test('destroyed while a lookup is under way: no connection', async () => {
    const { server, port } = await serving(network());
    const { address, clientNet } = network();
    let answer = (): void => {};
    const lookup = (_name: string, _options: unknown, found: LookupCallback) => {
      answer = () => found(null, address, 6);
    };
    const socket = clientNet.connect({ port, host: 'somewhere.test', family: 6, lookup: lookup as never });
    socket.destroy();
    expect(await once(socket, 'close')).toEqual([false]);
    answer();
    let accepted = 0;
    server.on('connection', () => accepted++);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(accepted).toBe(0);
  });

  test.each<[string, (net: Net) => unknown]>([
    ['no port', (net) => net.connect({} as never)],
    ['a port that is no number', (net) => net.connect({ port: true } as never)],
    ['a port too high', (net) => net.connect(65_536)],
    ['a port that is null', (net) => net.connect({ port: null } as never)],
    ['a port that is no text of a number', (net) => net.connect({ port: 'http' } as never)],
    ['a local address that is none', (net) => net.connect({ port: 1, localAddress: 'here' })],
    ['a local port that is none', (net) => net.connect({ port: 1, localPort: '1' } as never)],
    ['a lookup that is none', (net) => net.connect({ port: 1, host: 'x', lookup: 5 } as never)],
    ['a delay that is none', (net) => new net.Socket({ keepAliveInitialDelay: 'x' } as never)],
    ['a signal that is none', (net) => new net.Socket({ signal: 'x' } as never)],
    ['a timeout that is text', (net) => new net.Socket().setTimeout('5' as never)],
    ['a timeout below 0', (net) => new net.Socket().setTimeout(-1)],
    ['a callback that is none', (net) => new net.Socket().setTimeout(5, 'x' as never)],
    ['options that are none', (net) => net.createServer(5 as never)],
    ['a delay of a server', (net) => net.createServer({ keepAliveInitialDelay: 'x' } as never)],
    ['a port of a server', (net) => net.createServer().listen(-1)],
    ['a signal of a server', (net) => net.createServer().listen({ port: 0, signal: 5 } as never)],
  ])('%s throws the same', (_what, attempt) => {
    const expected: string = REFUSALS.get(_what) ?? String(thrown(() => attempt(network().net)));
    REFUSALS.set(_what, expected);
    expect(expected).toMatch(/^(Type|Range)Error ERR_/);
    expect(thrown(() => attempt(network().net))).toBe(expected);
  });

  test('a text that is no port is the name of a pipe: there is none', async () => {
    const attempt = (act: () => nodeNet.Socket | nodeNet.Server): Promise<unknown> =>
      new Promise((resolve) => {
        try {
          act().on('error', resolve);
        } catch (error) {
          resolve(error);
        }
      });
    const { net } = network();
    expect(await attempt(() => net.connect('/no/such/pipe'))).toHaveProperty('code');
    expect(await attempt(() => net.createServer().listen('/no/such/pipe'))).toHaveProperty('code');
  });

  test('onread: octets go to a buffer of the application, no data event; false stops until resume()', async () => {
    const { port } = await serving(network(), (socket) => socket.end('0123456789'.repeat(10)));
    const buffer = Buffer.alloc(16);
    const pieces: string[] = [];
    const socket = network().clientNet.connect({
      port,
      host: network().address,
      onread: {
        buffer,
        callback: (length, given) => {
          expect(given).toBe(buffer);
          pieces.push(buffer.toString('latin1', 0, length));
          return pieces.length !== 2;
        },
      },
    });
    socket.on('data', () => expect.unreachable());
    while (pieces.length < 2) await turn();
    for (let i = 0; i < 5; i++) await turn();
    expect(pieces.length).toBe(2);
    socket.resume();
    await once(socket, 'end');
    expect(pieces.join('')).toBe('0123456789'.repeat(10));
    expect([pieces[0]?.length, socket.bytesRead, socket.readableLength]).toEqual([16, 100, 0]);
  });

  test('onread with a function: a buffer for each piece', async () => {
    const { port } = await serving(network(), (socket) => socket.end('abcdefgh'));
    const buffers: Buffer[] = [];
    const next = (): Buffer => {
      const buffer = Buffer.alloc(3);
      buffers.push(buffer);
      return buffer;
    };
    const seen: string[] = [];
    const callback = (length: number, buffer: Uint8Array): boolean => {
      expect(buffer).toBe(buffers.at(-1));
      return seen.push(Buffer.from(buffer).toString('latin1', 0, length)) > 0;
    };
    const onread = { buffer: next, callback };
    await once(network().clientNet.connect({ port, host: network().address, onread }), 'end');
    expect(seen).toEqual(['abc', 'def', 'gh']);
  });

  test('water marks of the options', async () => {
    const marks = { readableHighWaterMark: 5, writableHighWaterMark: 7 };
    const socket = new (network().clientNet.Socket)(marks as never);
    expect([socket.readableHighWaterMark, socket.writableHighWaterMark]).toEqual([5, 7]);
  });

  test('setTimeout on a socket that is gone starts nothing', async () => {
    const { client } = await connected(network());
    client.destroy();
    await once(client, 'close');
    let told = 0;
    expect(client.setTimeout(1, () => told++)).toBe(client);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(told).toBe(0);
  });

  test('an AsyncLocalStorage: the store of connect() in all events of a socket, of listen() in connection', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: Record<string, Set<string | undefined>> = {};
    const note = (who: string) => () => {
      seen[who] ??= new Set();
      seen[who].add(storage.getStore());
    };
    const server = network().net.createServer((socket) => {
      note('server')();
      socket.on('data', note('accepted')).on('end', note('accepted')).pipe(socket);
    });
    storage.run('listen', () => server.listen(0, network().address));
    await once(server, 'listening');
    const ask = (who: string): Promise<unknown> =>
      storage.run(who, () => {
        const socket = network().clientNet.connect(portOf(server), network().address);
        for (const event of ['connect', 'ready', 'data', 'end', 'close']) socket.on(event, note(who));
        storage.run('elsewhere', () => socket.end('hello'));
        return once(socket, 'close');
      });
    await Promise.all([ask('first'), ask('second')]);
    const { accepted, ...others } = seen;
    expect(others).toEqual({ first: new Set(['first']), second: new Set(['second']), server: new Set(['listen']) });
    expect([accepted?.has('first'), accepted?.has('second')]).toEqual([false, false]); // nobody sees a caller's store
    server.close();
  });

  test('the listener of listen() waits through EADDRINUSE for the port that is free', async () => {
    const { server, port } = await serving(network());
    const second = network().net.createServer();
    const listening = new Promise<void>((resolve) => second.listen(port, network().address, resolve));
    expect((await once(second, 'error'))[0].code).toBe('EADDRINUSE');
    second.listen(0, network().address);
    await listening;
    expect(portOf(second)).not.toBe(port);
    for (const each of [server, second]) each.close();
  });

  test("close() tells 'close' even where there was nothing to close", async () => {
    const server = network().net.createServer();
    const order: string[] = [];
    server.on('close', () => order.push('close'));
    const error = await new Promise<Error | undefined>((resolve) => server.close(resolve));
    expect([error, order]).toEqual([expect.objectContaining({ code: 'ERR_SERVER_NOT_RUNNING' }), ['close']]);
  });

  test("the server's 'close' comes before that of its last socket", async () => {
    const { client, peer, server } = await connected(network());
    const order: string[] = [];
    server.on('close', () => order.push('server'));
    server.close();
    const over = once(
      peer.on('close', () => order.push('socket')),
      'close',
    );
    client.destroy();
    peer.resume();
    await over;
    expect(order).toEqual(['server', 'socket']);
  });

  test('a signal is let go of when the server has closed', async () => {
    const controller = new AbortController();
    const server = network().net.createServer().listen({ port: 0, host: network().address, signal: controller.signal });
    await once(server, 'listening');
    expect(getEventListeners(controller.signal, 'abort').length).toBe(1);
    server.close();
    await once(server, 'close');
    expect(getEventListeners(controller.signal, 'abort').length).toBe(0);
  });

  test('captureRejections: a listener that rejects destroys its socket', async () => {
    EventEmitter.captureRejections = true;
    const server = network().net.createServer();
    EventEmitter.captureRejections = false;
    const failed = new Promise((resolve) => {
      server.on('connection', async (socket) => {
        socket.on('error', resolve);
        throw new Error('not today');
      });
    });
    server.listen(0, network().address);
    await once(server, 'listening');
    const client = network().clientNet.connect(portOf(server), network().address);
    const over = new Promise((resolve) => client.once('close', resolve));
    client.on('error', () => {}).resume();
    expect(await failed).toMatchObject({ message: 'not today' });
    await over;
    server.close();
  });

  test('isIP and its like, and the classes that know no host', () => {
    const { net } = network();
    expect([net.isIP('::1'), net.isIP('192.0.2.1'), net.isIP('x')]).toEqual([6, 4, 0]);
    expect([net.isIPv6('::1'), net.isIPv4('::1')]).toEqual([true, false]);
    const blocked = new net.BlockList();
    blocked.addSubnet('2001:db8::', 32, 'ipv6');
    expect(blocked.check('2001:db8::1', 'ipv6')).toBe(true);
    expect(net.getDefaultAutoSelectFamily()).toBe(true);
  });
});

type LookupCallback = (error: Error | null, address?: string, family?: number) => void;

/** What node:net has thrown, which is asked first, or whoever is asked first where it is not there. */
const REFUSALS = new Map<string, string>();
