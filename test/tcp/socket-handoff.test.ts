// Sockets that move (DESIGN.md section 7, "App contract"), over a TCP without packets: what is held, what is
// carried, what happens after a failure, and that no octet is lost or doubled wherever the cut falls.

import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, test, vi } from 'vitest';
import type { HandoffApp } from '../../stack/server/app-contract.ts';
import { connectSocket, type Socket } from '../../stack/tcp/socket.ts';
import { type RestoreSocket, Server } from '../../stack/tcp/socket-server.ts';
import { CLOCK, FakeConnection, FakeTcp, SERVER, settle } from './socket-fake.ts';

const NOW = CLOCK.now();

async function world(onSocket: (socket: Socket) => void, restore?: RestoreSocket) {
  const tcp = new FakeTcp();
  const donor = new Server(tcp.home, {}, onSocket).listen(80);
  const acceptor = new Server(tcp.home, restore === undefined ? {} : { restore });
  const client = connectSocket(tcp.home, { host: SERVER, port: 80 });
  const [socket] = (await once(donor, 'connection')) as [Socket];
  await settle(2);
  const here = tcp.accepted[0] as FakeConnection;
  const there = new FakeConnection(here.local, here.remote);
  return { tcp, donor, acceptor, client, socket, here, there };
}

/** What the members' glue does, without a network between them. */
async function move({ donor, acceptor, here, there }: Awaited<ReturnType<typeof world>>): Promise<string | undefined> {
  donor.quiesce(NOW, here);
  const state = await donor.save(NOW, here);
  here.frozen = true;
  here.moveTo(there);
  there.frozen = true;
  const refusal = await acceptor.restore(NOW, there, structuredClone(state));
  if (refusal !== undefined) return refusal;
  donor.released(NOW, here);
  there.frozen = false;
  acceptor.resume(NOW, there);
  there.pumpSoon();
  there.peer?.pumpSoon();
  return undefined;
}

/** Sends `total` octets of a pattern, and moves at whatever point it has reached. */
const pattern = (from: number, to: number) => Uint8Array.from({ length: to - from }, (_, i) => ((from + i) * 7) >> 3);

function sendFrom(socket: Socket, from: number, total: number, chunk: number): void {
  let next = from;
  const more = () => {
    while (next < total) {
      const end = Math.min(total, next + chunk);
      const goesOn = socket.write(pattern(next, end));
      next = end;
      if (!goesOn) return void socket.once('drain', more);
    }
    socket.end();
  };
  socket.on('handoff', () => ({ next }));
  more();
}

test('a Server is the app of its port', () => {
  expectTypeOf<Server>().toExtend<HandoffApp>();
});

describe('while it is held', () => {
  test('no data event, no write callback, no octet to TCP; all of it comes after resume', async () => {
    const w = await world((socket) => socket.on('handoff', () => 'state'));
    const seen: string[] = [];
    w.socket.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    w.donor.quiesce(NOW, w.here);
    w.client.write('question');
    w.socket.write('answer', () => seen.push('written'));
    await w.donor.save(NOW, w.here);
    await settle();
    expect(seen).toEqual([]);
    expect(w.here.bytesWritten).toBe(0);
    w.donor.resume(NOW, w.here);
    await settle();
    expect(seen.toSorted()).toEqual(['question', 'written']);
    expect(w.client.read()?.toString()).toBe('answer');
  });

  test("a reader by 'readable' and read() goes on after resume", async () => {
    const w = await world((socket) => socket.on('handoff', () => 'state'));
    const seen: string[] = [];
    w.socket.on('readable', () => {
      for (let chunk = w.socket.read(); chunk !== null; chunk = w.socket.read()) seen.push(String(chunk));
    });
    w.client.write('one ');
    await settle();
    w.donor.quiesce(NOW, w.here);
    w.client.write('two');
    await settle();
    expect(seen).toEqual(['one ']);
    w.donor.resume(NOW, w.here);
    await settle();
    expect(seen.join('')).toBe('one two');
  });

  test('callbacks of writes that TCP has taken come before the application is asked', async () => {
    const order: string[] = [];
    const w = await world((socket) => socket.on('handoff', () => order.push('save')));
    w.socket.write('taken', () => order.push('callback'));
    w.donor.quiesce(NOW, w.here);
    await w.donor.save(NOW, w.here);
    expect(order).toEqual(['callback', 'save']);
  });
});

describe('what cannot move says why, and goes on', () => {
  test.each([
    ["the application has no 'handoff' listener", () => {}],
    ['not now', (socket: Socket) => socket.on('handoff', () => Promise.reject(new Error('not now')))],
    [
      'the application reads text (setEncoding), not octets',
      (socket: Socket) => socket.setEncoding('utf8').on('handoff', () => 1),
    ],
  ])('%s', async (reason, onSocket) => {
    const w = await world(onSocket as (socket: Socket) => void);
    w.donor.quiesce(NOW, w.here);
    await expect(w.donor.save(NOW, w.here)).rejects.toThrow(reason);
    w.donor.resume(NOW, w.here);
    w.socket.end('still here');
    expect((await buffer(w.client)).toString()).toBe('still here');
  });

  test('a state that does not come in time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const w = await world((socket) => socket.on('handoff', () => new Promise(() => {})));
    w.donor.quiesce(NOW, w.here);
    const saved = w.donor.save(NOW, w.here);
    const refused = expect(saved).rejects.toThrow('did not give its state within 2000 ms');
    await settle();
    vi.advanceTimersByTime(2_000);
    vi.useRealTimers();
    await refused;
  });

  test('an acceptor that knows no restore refuses a state; nonsense is refused too', async () => {
    const w = await world((socket) => socket.on('handoff', () => ({ next: 1 })));
    expect(await move(w)).toBe('no application here that takes over a state');
    expect(await w.acceptor.restore(NOW, w.there, { pendingRead: 'x' })).toBe('not the state of a socket');
  });
});

describe('after it has moved', () => {
  test('the donor socket closes without error, without callbacks, without FIN or RST', async () => {
    const w = await world(
      (socket) => socket.on('handoff', () => null),
      () => {},
    );
    const events: string[] = [];
    w.socket
      .on('error', () => events.push('error'))
      .on('close', (hadError: boolean) => events.push(`close ${hadError}`));
    w.here.sendBuffer = 4;
    for (let i = 0; i < 3; i++) w.socket.write('more than fits', () => events.push('written'));
    expect(await move(w)).toBeUndefined();
    await settle();
    expect(events).toEqual(['close false']);
    expect(w.socket.handedOff).toBe(true);
    expect([w.here.finSent, w.here.resetSent]).toEqual([false, false]);
    await vi.waitUntil(() => w.client.bytesRead === 3 * 14);
  });

  test('without restore, a socket without state comes as an ordinary connection', async () => {
    const w = await world((socket) => socket.on('handoff', () => null));
    const arrived = once(w.acceptor, 'connection');
    expect(await move(w)).toBeUndefined();
    const [socket] = (await arrived) as [Socket];
    socket.end('from the new node');
    expect((await buffer(w.client)).toString()).toBe('from the new node');
  });

  test('end() before the move becomes a FIN behind the last octet after it', async () => {
    const w = await world(
      (socket) => socket.on('handoff', () => null),
      () => {},
    );
    w.here.sendBuffer = 3;
    w.socket.end('the last words');
    expect(await move(w)).toBeUndefined();
    expect((await buffer(w.client)).toString()).toBe('the last words');
  });

  test('octets that the application had not read are read on the new node', async () => {
    const read: Promise<Buffer>[] = [];
    const w = await world(
      (socket) => socket.on('handoff', () => null),
      (socket) => void read.push(buffer(socket)),
    );
    w.client.write(pattern(0, 100_000));
    await settle();
    expect(w.socket.readableLength).toBeGreaterThan(0);
    expect(await move(w)).toBeUndefined();
    w.client.end(pattern(100_000, 150_000));
    expect((await read[0])?.equals(pattern(0, 150_000))).toBe(true);
  });

  test('a connection that its application has left moves too, and ends on the new node', async () => {
    const w = await world(() => {});
    w.socket.destroy();
    w.donor.quiesce(NOW, w.here);
    expect(await w.donor.save(NOW, w.here)).toBeNull();
    expect(await w.acceptor.restore(NOW, w.there, null)).toBeUndefined();
    w.acceptor.resume(NOW, w.there);
    expect(w.there.finSent).toBe(true);
  });
});

test('wherever the cut falls, the stream arrives whole: no octet lost, none twice', async () => {
  const total = 120_000;
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        chunk: fc.integer({ min: 1_000, max: 50_000 }),
        sendBuffer: fc.integer({ min: 1_000, max: 60_000 }),
        turns: fc.integer({ min: 0, max: 30 }),
        failFirst: fc.boolean(),
      }),
      async ({ chunk, sendBuffer, turns, failFirst }) => {
        const w = await world(
          () => {},
          (socket, state) => sendFrom(socket, (state as { next: number }).next, total, chunk),
        );
        w.here.sendBuffer = sendBuffer;
        const received = buffer(w.client);
        sendFrom(w.socket, 0, total, chunk);
        await settle(turns);
        if (failFirst) {
          w.donor.quiesce(NOW, w.here);
          await w.donor.save(NOW, w.here).catch(() => {});
          await settle(3);
          w.donor.resume(NOW, w.here);
          await settle(3);
        }
        if (!w.socket.destroyed) expect(await move(w)).toBeUndefined();
        expect((await received).equals(pattern(0, total))).toBe(true);
      },
    ),
    { numRuns: 60, seed: 7 },
  );
});
