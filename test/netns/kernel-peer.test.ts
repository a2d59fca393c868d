// A kernel peer: node:http on our sockets against curl of the Linux kernel, and our client against node:http of the
// kernel, over a real TUN device; back to back, and through the lab's router with loss, reordering and duplication.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import { directScene, type Scene, type WanScene, wanScene } from '../../tools/bench/scene.ts';
import { TRANSFER_KINDS, TransferBench, type TransferKind } from '../../tools/bench/transfer.ts';
import { Netns, requireOrSkip } from './support.ts';

const MIB = 1024 * 1024;
const TIMEOUT_MS = 60_000;
const NAMES: Readonly<Record<TransferKind, string>> = {
  'curl-download': 'curl downloads from node:http on our sockets',
  'curl-upload': 'curl uploads to node:http on our sockets',
  'our-download': 'our client downloads from node:http of the kernel',
  'our-upload': 'our client uploads to node:http of the kernel',
};

describe.skipIf(!requireOrSkip('tun', 'curl'))('a kernel peer', () => {
  describe.each(['tso', 'none'] as const)('on the same link, offloads: %s', (offloads) => {
    const length = offloads === 'tso' ? 100 * MIB : 16 * MIB;
    let netns: Netns;
    let scene: Scene;
    let bench: TransferBench;

    beforeAll(async () => {
      netns = new Netns();
      scene = directScene(netns.name, { offloads });
      bench = await TransferBench.open(scene, TIMEOUT_MS);
    });
    afterAll(() => {
      bench?.close();
      scene?.close();
      netns.close();
    });

    test.each(TRANSFER_KINDS.map((kind) => [NAMES[kind], kind] as const))(
      `%s: ${length / MIB} MiB`,
      async (_name, kind) => {
        const { sent, received } = await bench.run(kind, length, 1);
        expect(received).toBe(sent);
      },
      TIMEOUT_MS,
    );
  });

  describe('5 ms away, with 1 % loss, 1 % reordering and 1 % duplication', () => {
    const SEED = 5;
    let near: Netns;
    let far: Netns;
    let scene: WanScene;
    let bench: TransferBench;

    beforeAll(async () => {
      near = new Netns();
      far = new Netns();
      const path = { delay: milliseconds(5), loss: 0.01, reordering: 0.01, duplication: 0.01 };
      scene = wanScene(near.name, far.name, { path, seed: SEED });
      bench = await TransferBench.open(scene, TIMEOUT_MS);
    });
    afterAll(() => {
      bench?.close();
      scene?.close();
      near.close();
      far.close();
    });

    test.concurrent.each(TRANSFER_KINDS.map((kind) => [NAMES[kind], kind] as const))(
      '%s: 8 MiB',
      async (_name, kind) => {
        const { sent, received } = await bench.run(kind, 8 * MIB, SEED);
        expect(received).toBe(sent);
      },
      TIMEOUT_MS,
    );

    test('the faults were there', () => {
      for (const { sent, lost, reordered, duplicated } of Object.values(scene.statistics)) {
        expect(sent).toBeGreaterThan(1000);
        for (const count of [lost, reordered, duplicated]) {
          expect(count / sent).toBeGreaterThan(0.005);
          expect(count / sent).toBeLessThan(0.02);
        }
      }
    });
  });
});
