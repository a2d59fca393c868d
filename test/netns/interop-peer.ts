// The kernel's end: plays on net.Socket, as a process of its own in a namespace, told what to do over Node's IPC
// channel, and gone with it. interop-kernel.ts starts it.

import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Outcome, openAll, play, type Step } from './interop-plays.ts';

/** Each is answered with a Reply of the same id. */
export type Order =
  /** Answered with the port once it listens. */
  | { readonly id: number; readonly kind: 'listen'; readonly host: string; readonly steps: readonly Step[] }
  /** Answered with what became of `count` connections of that port, when they have closed; ends the listening. */
  | { readonly id: number; readonly kind: 'collect'; readonly port: number; readonly count: number }
  /** Answered with what became of the connections, when they have closed. */
  | ({ readonly id: number; readonly kind: 'connect'; readonly steps: readonly Step[]; readonly count: number } & {
      readonly host: string;
      readonly port: number;
      readonly localPort?: number;
    });

export interface Reply {
  readonly id: number;
  readonly port?: number;
  readonly outcomes?: readonly Outcome[];
  readonly failure?: string;
}

const BACKLOG = 4096;

interface Listening {
  readonly server: Server;
  readonly plays: Promise<Outcome>[];
}

const listening = new Map<number, Listening>();

async function obey(order: Order): Promise<Omit<Reply, 'id'>> {
  switch (order.kind) {
    case 'listen':
      return { port: await listen(order.host, order.steps) };
    case 'collect':
      return { outcomes: await collect(order.port, order.count) };
    case 'connect': {
      const { host, port, localPort, count, steps } = order;
      const from = localPort === undefined ? {} : { localPort };
      const open = (): Socket => connect({ host, port, ...from, allowHalfOpen: true, noDelay: true });
      return { outcomes: await openAll(count, localPort, (i) => play(open(), steps, i)) };
    }
  }
}

async function listen(host: string, steps: readonly Step[]): Promise<number> {
  const plays: Promise<Outcome>[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    plays.push(play(socket, steps, plays.length));
    server.emit('played');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: 0, backlog: BACKLOG }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  listening.set(address.port, { server, plays });
  return address.port;
}

async function collect(port: number, count: number): Promise<readonly Outcome[]> {
  const found = listening.get(port);
  if (found === undefined) throw new Error(`nobody listens on port ${port}`);
  const { server, plays } = found;
  while (plays.length < count) await new Promise((resolve) => server.once('played', resolve));
  const outcomes = await Promise.all(plays);
  server.close();
  listening.delete(port);
  return outcomes;
}

process.on('message', (order: Order) => {
  const reply = (rest: Omit<Reply, 'id'>): void => void process.send?.({ id: order.id, ...rest });
  obey(order).then(reply, (error: unknown) => reply({ failure: String(error) }));
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0 });
