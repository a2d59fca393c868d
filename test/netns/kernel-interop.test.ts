// Interoperation with the Linux kernel on one link, each case in both roles: how connections end (half-close,
// simultaneous close, RST, data nobody reads), many at once, windows that close, keepalive. What a path does to them is
// in kernel-interop-paths.test.ts.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import type { Connection, TcpObserver } from '../../stack/tcp/api.ts';
import { removeCompiledPeer } from './interop-kernel.ts';
import type { Step } from './interop-plays.ts';
import { Interop, OPENERS, type Opener, type Pair } from './interop-scene.ts';
import { eventually, requireOrSkip } from './support.ts';

const MIB = 1024 * 1024;
const TIMEOUT_MS = 30_000;
const DONE = { ended: true, error: null } as const;

function at<T>(list: readonly T[], i: number): T {
  const value = list[i];
  if (value === undefined) throw new Error(`nothing at ${i}: there are ${list.length}`);
  return value;
}

/** Each end has got, whole, what the other sent, and both have ended in order. */
function expectWhole({ opened, accepted }: Pair): void {
  expect(accepted).toMatchObject({ ...DONE, received: opened.sent });
  expect(opened).toMatchObject({ ...DONE, received: accepted.sent });
}

afterAll(removeCompiledPeer);

describe.skipIf(!requireOrSkip('tun'))('the Linux kernel on the same link', () => {
  let interop: Interop;
  beforeAll(async () => {
    interop = await Interop.direct();
  });
  afterAll(() => interop?.close());

  describe.each(OPENERS)('%s opens', (opener) => {
    const run = (open: readonly Step[], accept: readonly Step[]) => interop.run({ opener, open, accept });

    test('data both ways at once', async () => {
      const both = (seed: number): Step[] => [['write', 8 * MIB, seed], ['end'], ['receive-end']];
      const pair = await run(both(1), both(2));
      expect(pair.opened.sent.octets).toBe(8 * MIB);
      expectWhole(pair);
    });

    test('RFC 9293 3.6: the opener closes its half and gets 2 MiB after it', async () => {
      expectWhole(await run([['write', MIB, 1], ['end']], [['receive-end'], ['write', 2 * MIB, 2], ['end']]));
    });

    test('RFC 9293 3.6: the other end closes its half and gets 2 MiB after it', async () => {
      expectWhole(await run([['receive-end'], ['write', 2 * MIB, 2], ['end']], [['write', MIB, 1], ['end']]));
    });

    test('RFC 9293 3.6: a FIN without any data, from either end first', async () => {
      expectWhole(await run([['end']], [['receive-end'], ['end']]));
      expectWhole(await run([['receive-end'], ['end']], [['end']]));
    });

    test('RFC 9293 3.9.1.5: the opener aborts an idle connection: ECONNRESET at the other end', async () => {
      const { opened, accepted } = await run([['receive', 1], ['reset']], [['write', 1, 1]]);
      expect(opened).toMatchObject({ error: null, received: accepted.sent });
      expect(accepted).toMatchObject({ ended: false, error: 'ECONNRESET' });
    });

    test('RFC 9293 3.9.1.5: the other end aborts an idle connection: ECONNRESET at the opener', async () => {
      const { opened, accepted } = await run([['write', 1, 1]], [['receive', 1], ['reset']]);
      expect(accepted).toMatchObject({ error: null, received: opened.sent });
      expect(opened).toMatchObject({ ended: false, error: 'ECONNRESET' });
    });

    test('an abort while data flows both ways: ECONNRESET at the end that did not ask for it', async () => {
      const busy: Step = ['start-write', 64 * MIB, 1];
      const first = await run([busy, ['receive', MIB], ['reset']], [busy]);
      expect(first.accepted.error).toBe('ECONNRESET');
      const second = await run([busy], [busy, ['receive', MIB], ['reset']]);
      expect(second.opened.error).toBe('ECONNRESET');
    });

    test('RFC 2525 2.17: an end that closes with data unread resets', async () => {
      const close: Step[] = [['pause'], ['write', 1, 1], ['until-full'], ['sleep', 100], ['destroy']];
      const write: Step[] = [
        ['receive', 1],
        ['start-write', 16 * MIB, 2],
      ];
      expect((await run(close, write)).accepted.error).toBe('ECONNRESET');
      expect((await run(write, close)).opened.error).toBe('ECONNRESET');
    });

    test('RFC 2525 2.17: data for an end that has gone is answered with a reset', async () => {
      const close: Step[] = [['write', 1, 1], ['destroy']];
      const write: Step[] = [['receive-end'], ['start-write', 16 * MIB, 2]];
      expect(['ECONNRESET', 'EPIPE']).toContain((await run(close, write)).accepted.error);
      expect(['ECONNRESET', 'EPIPE']).toContain((await run(write, close)).opened.error);
    });

    test('RFC 9293 3.10.7.1: nobody listens: ECONNREFUSED', async () => {
      expect(await interop.connectTo(opener, 9)).toMatchObject({ ended: false, error: 'ECONNREFUSED' });
    });

    test.each([1, 0])(
      'RFC 6191: the same port again and again, while the other end is in TIME-WAIT; kernel timestamps: %i',
      async (timestamps) => {
        interop.sysctl({ 'ipv4/tcp_timestamps': timestamps });
        const [count, octets] = [10, 1_000];
        const open: Step[] = [['write', octets, 0], ['receive-end'], ['end']];
        const accept: Step[] = [['receive', octets], ['write', octets, 9], ['end'], ['receive-end']];
        interop.transitions.length = 0;
        const { opened, accepted } = await interop.runMany({
          opener,
          open,
          accept,
          count,
          localPort: 5_000 + timestamps,
        });
        interop.sysctl({ 'ipv4/tcp_timestamps': 1 });
        for (const i of Array(count).keys()) expectWhole({ opened: at(opened, i), accepted: at(accepted, i) });
        const ours = interop.transitions.filter((change) => change.endsWith('> TIME-WAIT'));
        expect(ours).toHaveLength(opener === 'the kernel' ? count : 0);
      },
    );

    test(
      '1,000 connections at once, each echoes 16 KiB of its own',
      async () => {
        const count = 1_000;
        const open: Step[] = [['write', 16 * 1024, 0], ['end'], ['receive-end']];
        const { opened, accepted } = await interop.runMany({ opener, open, accept: [['echo']], count });
        expect(accepted).toHaveLength(count);
        expect(new Set(opened.map(({ sent }) => sent.hash)).size).toBe(count);
        for (const outcome of opened) expect(outcome).toMatchObject({ ...DONE, received: outcome.sent });
        for (const outcome of accepted) expect(outcome).toMatchObject({ ...DONE, received: outcome.sent });
      },
      TIMEOUT_MS,
    );
  });

  test('the kernel has counted nothing that our stack should not have done', () => {
    expect(interop.offences({ aborts: true })).toEqual([]);
  });
});

describe.skipIf(!requireOrSkip('tun'))(
  'the Linux kernel 5 ms away, 300 connections at once for a backlog of 128',
  () => {
    test(
      'those that found no room get in with a SYN sent again',
      async () => {
        const interop = await Interop.wan({ path: { delay: milliseconds(5), rate: 1e9 }, seed: 1 });
        try {
          const open: Step[] = [['write', 1_000, 0], ['end'], ['receive-end']];
          const settings = { opener: 'the kernel', open, accept: [['echo']], count: 300, backlog: 128 } as const;
          const { opened } = await interop.runMany(settings);
          for (const outcome of opened) expect(outcome).toMatchObject({ ...DONE, received: outcome.sent });
          expect(interop.offences()).toEqual([]);
        } finally {
          interop.close();
        }
      },
      TIMEOUT_MS,
    );
  },
);

describe.skipIf(!requireOrSkip('tun'))('RFC 9293 3.8.6.1: zero windows with the Linux kernel', () => {
  const STALL_MS = 1_500;
  let interop: Interop;
  beforeAll(async () => {
    interop = await Interop.direct();
    interop.sysctl({ 'ipv4/tcp_rmem': '4096 131072 1048576' }); // a window that a few MiB fill
  });
  afterAll(() => interop?.close());

  const cases = OPENERS.flatMap((opener) => [[opener, 'opener'] as const, [opener, 'other end'] as const]);

  test.concurrent.each(cases)(
    '%s opens; the %s reads nothing for a while, twice; the data goes on, whole',
    async (opener, slow) => {
      const pause: Step[] = [['pause'], ['sleep', STALL_MS], ['resume']];
      const reader: Step[] = [...pause, ['receive', 12 * MIB], ...pause, ['receive-end'], ['end']];
      const writer: Step[] = [['write', 24 * MIB, 3], ['end'], ['receive-end']];
      const [open, accept] = slow === 'opener' ? [reader, writer] : [writer, reader];
      const pair = await interop.run({ opener, open, accept });
      expectWhole(pair);
      const { stalledMs } = slow === 'opener' ? pair.accepted : pair.opened;
      expect(stalledMs).toBeGreaterThan(STALL_MS * 0.8);
    },
    TIMEOUT_MS,
  );

  test('neither end has sent into a window that was shut', () => {
    expect(interop.offences()).toEqual([]);
  });
});

describe.skipIf(!requireOrSkip('tun'))('RFC 9293 3.8.4: keepalive with the Linux kernel', () => {
  const OUR_IDLE_MS = 500;
  /** Whole seconds. */
  const KERNEL_IDLE_MS = 1_000;
  const QUIET_MS = 2_200;
  let interop: Interop;
  /** By connection: our segments that carry an old number and nothing else, and the ACKs we were sent. */
  const probes = new Map<Connection, number>();
  const answers = new Map<Connection, number>();
  const count = (counts: Map<Connection, number>, connection: Connection): void =>
    void counts.set(connection, (counts.get(connection) ?? 0) + 1);

  beforeAll(async () => {
    const observer: TcpObserver = {
      segmentSent: (_now, connection, { offset, length }) => {
        if (length === 0 && offset < connection.bytesWritten) count(probes, connection);
      },
      ackAccepted: (_now, connection) => {
        if (probes.has(connection)) count(answers, connection);
      },
    };
    interop = await Interop.direct({ observer });
  });
  afterAll(() => interop?.close());

  const kernelProbes = async (): Promise<number> => {
    const { stdout } = await interop.far.run('cat', ['/proc/net/netstat']);
    const [names = [], values = []] = stdout
      .split('\n')
      .flatMap((line) => (line.startsWith('TcpExt:') ? [line.split(' ')] : []));
    return Number(values[names.indexOf('TCPKeepAlive')]);
  };

  test.concurrent.each(OPENERS)('%s opens; an idle connection on which both ends probe stays', async (opener) => {
    const talk: Step[] = [['write', 1_000, 4]];
    const idle = (ms: number): Step[] => [
      ['keep-alive', ms],
      ...talk,
      ['receive', 1_000],
      ['sleep', QUIET_MS],
      ...talk,
    ];
    const [ours, theirs] = [OUR_IDLE_MS, KERNEL_IDLE_MS].map((ms): Step[] => [...idle(ms), ['end'], ['receive-end']]);
    const [open = [], accept = []] = opener === 'our stack' ? [ours, theirs] : [theirs, ours];
    expectWhole(await interop.run({ opener, open, accept }));
  });

  test('the probes were there, and answers', async () => {
    expect(probes.size).toBe(OPENERS.length);
    expect(answers.size).toBe(OPENERS.length);
    expect(await kernelProbes()).toBeGreaterThanOrEqual(OPENERS.length);
  });
});

describe.skipIf(!requireOrSkip('tun'))('the Linux kernel 20 ms away', () => {
  const DELAY_MS = 20;
  let interop: Interop;
  beforeAll(async () => {
    interop = await Interop.wan({ path: { delay: milliseconds(DELAY_MS), rate: 1e9 }, seed: 1 });
  });
  afterAll(() => interop?.close());

  /** The opener knows of the connection one delay earlier: it waits for so long. */
  const closeAtOnce = (opener: Opener) =>
    interop.run({ opener, open: [['sleep', DELAY_MS], ['end']], accept: [['end']] });

  test.each(OPENERS)('RFC 9293 3.6: both ends close at the same time, %s opened', async (opener) => {
    interop.transitions.length = 0;
    expectWhole(await closeAtOnce(opener));
    await eventually('TIME-WAIT', () => interop.transitions.includes('CLOSING > TIME-WAIT'));
  });

  test('RFC 9293 3.5: both ends open at the same time', async () => {
    interop.transitions.length = 0;
    const steps = (seed: number): Step[] => [['write', MIB, seed], ['end'], ['receive-end']];
    const ports = { ours: 4_000, theirs: 4_001 };
    expectWhole(await interop.simultaneously(ports, { open: steps(1), accept: steps(2) }));
    expect(interop.transitions).toContain('SYN-SENT > SYN-RECEIVED');
  });

  test.each(['our stack', 'the kernel'] as const)(
    'RFC 9293 3.5.1: %s has aborted, and the RST was lost: what the other end sends is answered with another',
    async (gone) => {
      const [leaves, stays]: [Step[], Step[]] = [
        [['receive', 1], ['reset']],
        [
          ['write', 1, 1],
          ['sleep', 300],
          ['write', 1, 1],
        ],
      ];
      const cut = gone === 'our stack' ? interop.links?.toKernel : interop.links?.toStack;
      const alive = interop.connections().length;
      const running = interop.run({ opener: gone, open: leaves, accept: stays });
      await eventually(
        'the handshake',
        () => interop.transitions.at(-1)?.endsWith('> ESTABLISHED') === true && interop.connections().length > alive,
      );
      const lost = cut?.statistics.lost ?? 0;
      cut?.configure({ loss: 1 });
      setTimeout(() => cut?.configure({ loss: 0 }), 200);
      const { accepted } = await running;
      expect(accepted.error).toBe('ECONNRESET');
      expect(cut?.statistics.lost).toBeGreaterThan(lost);
    },
  );
});
