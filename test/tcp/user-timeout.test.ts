// RFC 5482: the user timeout option, and what a peer can make of our user timeout.

import { describe, expect, test } from 'vitest';
import { type Duration, milliseconds, seconds } from '../../stack/core/time.ts';
import { USER_TIMEOUT_COPIES } from '../../stack/tcp/limits.ts';
import { decodeSnapshot, encodeSnapshot } from '../../stack/tcp/snapshot.ts';
import type { TcpUserTimeout } from '../../stack/wire/tcp-option.ts';
import { ACK, listening, type PeerOptions, RST, SYN, opened as simplyOpened } from './scripted-peer.ts';
import { A, B, expectOpen, pattern, World } from './support.ts';

const SYN_ACK = { mss: 1000 };
const of = (value: number, granularity: TcpUserTimeout['granularity'] = 'seconds'): TcpUserTimeout => ({
  granularity,
  value,
});

const opened = (userTimeout?: Duration, theirs?: TcpUserTimeout): ReturnType<typeof simplyOpened> => {
  const options: PeerOptions = {
    tcp: { userTimeoutOption: true, ...(userTimeout === undefined ? {} : { userTimeout }) },
    synOptions: { ...SYN_ACK, ...(theirs && { userTimeout: theirs }) },
  };
  return simplyOpened(options);
};

/** After how many seconds without an acknowledgment the connection is given up. */
function givesUpAfter({ peer, app }: ReturnType<typeof simplyOpened>, atMost: number): number | undefined {
  const from = peer.world.now;
  app.send(pattern(10));
  for (let i = 0; i <= atMost && !app.closed; i++) peer.run(1000);
  return app.closed ? (peer.world.now - from) / 1e6 : undefined;
}

describe('RFC 5482 3.1: what we say', () => {
  test('nothing, unless the application has switched it on (ENABLED is false by default)', () => {
    const { peer, connection } = simplyOpened({ tcp: { userTimeout: seconds(20) } });
    connection.setOptions(peer.world.now, { userTimeout: seconds(30) });
    expect(peer.world.sent.filter((s) => s.header.options.userTimeout !== undefined)).toEqual([]);
  });

  test('3.2: ADV_UTO in the SYN, and in pure ACKs after it, for nothing assures that it arrives', () => {
    const { peer } = opened(seconds(20));
    for (let i = 0; i < 5; i++) peer.send({ ack: 0, seq: -1, text: 1 });
    const said = peer.world.sent.map((s) => s.header.options.userTimeout?.value);
    expect(said).toEqual([20, ...new Array(USER_TIMEOUT_COPIES).fill(20), undefined, undefined, undefined, undefined]);
  });

  test('in the SYN,ACK, whether the SYN had it or not', () => {
    const { peer } = listening({ listen: { userTimeoutOption: true } });
    peer.send({ flags: SYN, seq: -1 });
    expect(peer.next()?.options.userTimeout).toEqual(of(300));
  });

  test.each([
    [seconds(300), of(300)],
    [milliseconds(200), of(1)],
    [seconds(0x7fff), of(0x7fff)],
    [seconds(0x8000), of(546, 'minutes')],
    [seconds(1e9), of(0x7fff, 'minutes')],
  ])('3.3: %i us in seconds where 15 bits hold them, else in minutes, and never zero', (userTimeout, option) => {
    const { peer } = opened(userTimeout);
    expect(peer.world.sent[0]?.header.options.userTimeout).toEqual(option);
  });

  test('a new value of the application goes out at once', () => {
    const { peer, connection } = opened(seconds(20));
    for (let i = 0; i < 3; i++) peer.send({ ack: 0, seq: -1, text: 1 });
    peer.rest();
    connection.setOptions(peer.world.now, { userTimeout: seconds(40) });
    expect(peer.rest()).toMatchObject([{ flags: ACK, length: 0, options: { userTimeout: of(40) } }]);
  });

  test('beside three SACK blocks there is no room: the ACK goes without', () => {
    const { peer } = simplyOpened({
      tcp: { userTimeoutOption: true },
      synOptions: { ...SYN_ACK, sackPermitted: true, timestamp: { value: 1, echo: 0 } },
    });
    peer.timestamps = () => ({ timestamp: { value: 2, echo: 0 } });
    for (const seq of [1000, 3000, 5000, 7000]) peer.send({ seq, ack: 0, text: 100 });
    expect(peer.rest().map((s) => [s.options.sack?.length, s.options.userTimeout])).toEqual([
      [1, undefined],
      [2, undefined],
      [3, undefined],
      [3, undefined],
    ]);
  });
});

describe('RFC 5482 3.1: what we make of the peer’s: min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT))', () => {
  test('it raises ours, from the SYN,ACK on', () => {
    expect(givesUpAfter(opened(undefined, of(400)), 500)).toBe(400);
  });

  test('it does not lower ours', () => {
    expect(givesUpAfter(opened(undefined, of(1)), 500)).toBe(300);
  });

  test('an hour at most', () => {
    expect(givesUpAfter(opened(undefined, of(0x7fff, 'minutes')), 4000)).toBe(3600);
  });

  test('in minutes, on any acceptable segment', () => {
    const all = opened();
    all.peer.send({ ack: 0, options: { userTimeout: of(7, 'minutes') } });
    expect(givesUpAfter(all, 500)).toBe(420);
  });

  test('the timer that runs is set anew', () => {
    const all = opened();
    all.app.send(pattern(10));
    all.peer.run(200_000);
    all.peer.send({ ack: 0, options: { userTimeout: of(400) } });
    all.peer.run(399_000);
    expect(all.app.closed).toBe(false);
    all.peer.run(2000);
    expect([all.app.error, all.peer.rest().at(-1)?.flags]).toEqual(['timed-out', RST | ACK]);
  });

  test('CHANGEABLE is false once the application has chosen: the option is ignored', () => {
    expect(givesUpAfter(opened(seconds(30), of(400)), 500)).toBe(30);
    const all = opened();
    all.connection.setOptions(all.peer.world.now, { userTimeout: seconds(50) });
    all.peer.send({ ack: 0, options: { userTimeout: of(400) } });
    expect(givesUpAfter(all, 500)).toBe(50);
  });

  test('not ENABLED: ignored', () => {
    expect(givesUpAfter(simplyOpened({ synOptions: { ...SYN_ACK, userTimeout: of(400) } }), 500)).toBe(300);
  });

  test('3.3: zero is ignored', () => {
    expect(givesUpAfter(opened(undefined, of(0)), 500)).toBe(300);
  });

  test('RFC 5961: not from outside the window, nor with an ACK of what was never sent', () => {
    const all = opened();
    all.peer.send({ seq: 10_000_000, ack: 0, options: { userTimeout: of(400) } });
    all.peer.send({ ack: 5000, options: { userTimeout: of(400) } });
    expect(givesUpAfter(all, 500)).toBe(300);
  });
});

test('it moves with the connection: what was adopted, what is advertised, and that it may change', () => {
  const world = new World();
  const [a, b] = [world.host(A), world.host(B)];
  const option = { userTimeoutOption: true };
  expectOpen(b.tcp.listen({ port: 80, ...option, userTimeout: seconds(500) }, () => {}));
  const client = expectOpen(a.tcp.connect(world.now, { remote: { address: B, port: 80 }, ...option }));
  world.runFor(seconds(1));
  a.tcp.freeze(world.now, client);
  const decoded = decodeSnapshot(encodeSnapshot(a.tcp.snapshot(world.now, client)));
  if (!decoded.ok) throw new Error(decoded.reason);
  expect(decoded.value.options).toMatchObject({
    userTimeoutUs: 500e6,
    userTimeoutOption: true,
    userTimeoutChangeable: true,
    advertisedUserTimeoutUs: 300e6,
  });
  a.tcp.forget(client);
  const installed = expectOpen(a.tcp.install(world.now, decoded.value, { congestion: 'carry' }));
  a.tcp.resume(world.now, installed);
  a.tcp.freeze(world.now, installed);
  expect(a.tcp.snapshot(world.now, installed).options).toEqual(decoded.value.options);
});
