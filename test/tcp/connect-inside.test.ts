// A peer so near that it answers before connect() has returned: two hosts on a pipe without delay.

import { expect, test } from 'vitest';
import { SeededRandom } from '../../stack/core/random.ts';
import { EPOCH } from '../../stack/core/time.ts';
import { TimerQueue } from '../../stack/core/timer-queue.ts';
import { pipe } from '../../stack/device/pipe.ts';
import { Host } from '../../stack/host.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import { address } from '../../stack/wire/address.ts';

const A = address('2001:db8::a');
const B = address('2001:db8::b');
const PORT = 80;

function connected(listens: boolean): string[] {
  const timers = new TimerQueue();
  const random = new SeededRandom(1);
  const [near, far] = pipe();
  const [client, server] = [
    new Host({ timers, random, secret: random.bytes(32) }),
    new Host({ timers, random, secret: random.bytes(32) }),
  ];
  client.attach(near, { addresses: [A] });
  server.attach(far, { addresses: [B] });
  if (listens) server.tcp.listen({ port: PORT }, () => {});
  const told: string[] = [];
  const connection = client.tcp.connect(EPOCH, { remote: { address: B, port: PORT } }) as Connection;
  connection.events = {
    connected: () => told.push('connected'),
    closed: (_now, error) => told.push(`closed: ${error}`),
  };
  expect(told).toEqual([]);
  timers.runDue(EPOCH);
  return told;
}

test('RFC 9293 3.10.7.3: a handshake that is over before connect() returns is told afterwards', () => {
  expect(connected(true)).toEqual(['connected']);
});

test('RFC 9293 3.10.7.3: so is a RST', () => {
  expect(connected(false)).toEqual(['closed: refused']);
});
