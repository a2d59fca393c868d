// ECN (RFC 3168) with the Linux kernel at the other end, over a bottleneck that marks instead of dropping: each end
// asks, each end sends, and both slow down for marks so that nothing is lost.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import { WAN_DEVICE } from '../../tools/lab/topology.ts';
import { removeCompiledPeer } from './interop-kernel.ts';
import { Interop, OPENERS } from './interop-scene.ts';
import { requireOrSkip } from './support.ts';

const LENGTH = 2 * 1024 * 1024;
const RATE = 20e6;
const TIMEOUT_MS = 30_000;

afterAll(removeCompiledPeer);

describe.skipIf(!requireOrSkip('tun'))('the Linux kernel and ECN', () => {
  let interop: Interop;
  beforeAll(async () => {
    interop = await Interop.wan({ path: { delay: milliseconds(5), rate: RATE }, seed: 5 });
    const queues = { queueBytes: 400_000, markingQueueBytes: 30_000 };
    for (const link of Object.values(interop.links ?? {})) link.configure(queues);
    interop.far.ip('route', 'replace', '::/0', 'dev', WAN_DEVICE, 'congctl', 'cubic');
  });
  afterAll(() => interop?.close());

  describe.each(OPENERS)('%s opens', (opener) => {
    test.each(['our stack', 'the kernel'])(
      'RFC 3168 6.1: %s sends: it is marked, and slows down before anything is lost',
      async (sender) => {
        interop.sysctl({ 'ipv4/tcp_ecn': opener === 'the kernel' ? 1 : 2 });
        const links = interop.links;
        const link = sender === 'our stack' ? links?.toKernel : links?.toStack;
        const before = { ...link?.statistics };
        const known = new Set(interop.connections());
        const [sending, receiving] = [
          [['write', LENGTH, 1], ['end'], ['receive-end']] as const,
          [['receive-end'], ['end']] as const,
        ];
        const ours = opener === sender;
        const outcome = await interop.run({
          opener,
          open: ours ? sending : receiving,
          accept: ours ? receiving : sending,
          tcp: { ecn: 'on' },
        });
        expect(
          interop
            .connections()
            .filter((c) => !known.has(c))
            .map((c) => c.info.ecn),
        ).not.toContain(false);
        const { opened, accepted } = outcome;
        expect(accepted.received).toEqual(opened.sent);
        expect(opened.received).toEqual(accepted.sent);
        const { marked = 0, overflowed = 0 } = link?.statistics ?? {};
        expect(marked - (before.marked ?? 0)).toBeGreaterThan(3);
        expect(overflowed - (before.overflowed ?? 0)).toBe(0);
      },
      TIMEOUT_MS,
    );
  });
});
