// A plain client: `curl` on the kernel's own TCP, without Mobile IPv6. Served through the home agent, and handed over twice in
// mid-transfer by flow bindings there.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARE_OF, ClientScene, CONTACT, grownTo, KERNEL_CLIENT, sha256Of } from './client-scene.ts';
import { requireOrSkip } from './support.ts';
import { handoffsThroughHomeAgent } from './tunnel-handoffs.ts';

/** Ten seconds at the rate of the lab: time enough for two handoffs on a busy machine. */
const SIZE = 12 * 1024 * 1024;
const TIMEOUT_MS = 90_000;
/** By their formulas 52 and 10 ms; the queue on the way to the client and a busy machine come on top. */
const PAUSE_MS = 2_000;

/** What `homeport status` says of the clients of each node. */
async function clientStates(scene: ClientScene): Promise<Record<string, string[]>> {
  const { status, stdout } = await scene.homeport('status', '--json');
  expect(status).toBe(0);
  const nodes: { name: string; clients: { client: string; state: string }[] }[] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return Object.fromEntries(nodes.map((node) => [node.name, node.clients.map((c) => `${c.client} ${c.state}`)]));
}

describe.skipIf(!requireOrSkip('tun', 'tshark', 'curl'))('curl of the kernel', () => {
  let scene: ClientScene;

  beforeAll(async () => {
    scene = await ClientScene.up({ lab: ['--rate', 'home-c=10mbit'], server: ['--writable'] });
  }, TIMEOUT_MS);

  afterAll(() => scene?.close(), TIMEOUT_MS);

  test('an upload goes to a, b and a again', { timeout: TIMEOUT_MS }, async () => {
    const { path, sha256 } = await scene.toSend('to-send', SIZE);
    const curl = scene.inSite('c', 'curl', '-sS', '--fail', '--upload-file', path, `http://[${CONTACT}]/sent`);
    await scene.uploaded(SIZE / 4);
    await scene.handoff(KERNEL_CLIENT, 'b');
    expect(await clientStates(scene)).toEqual({ a: [], b: [`${KERNEL_CLIENT} plain`] });
    await scene.uploaded(SIZE / 2);
    await scene.handoff(KERNEL_CLIENT, 'a', '--preset', 'classic');
    expect(await curl.ended).toMatchObject({ status: 0, stderr: '' });
    expect(sha256Of(join(scene.files, 'sent'))).toBe(sha256);
  });

  test('a download goes from a to b and back, and nothing on the wire is amiss', { timeout: TIMEOUT_MS }, async () => {
    const sha256 = await scene.serve('file', SIZE);
    const output = scene.path('received');
    const curl = scene.inSite('c', 'curl', '-sS', '--fail', '-o', output, `http://[${CONTACT}]/file`);
    await grownTo(output, SIZE / 4);
    await scene.handoff(KERNEL_CLIENT, 'b', '--preset', 'prefetched');
    expect(await clientStates(scene)).toEqual({ a: [], b: [`${KERNEL_CLIENT} plain`] });
    await grownTo(output, SIZE / 2);
    await scene.handoff(KERNEL_CLIENT, 'a');
    expect(await curl.ended).toMatchObject({ status: 0, stderr: '' });
    expect(sha256Of(output)).toBe(sha256);
    await scene.down();
    await scene.expectCleanWire();
    const seen = await handoffsThroughHomeAgent(scene, KERNEL_CLIENT);
    expect(seen).toMatchObject([
      { from: CARE_OF.a, to: CARE_OF.b },
      { from: CARE_OF.b, to: CARE_OF.a },
    ]);
    for (const { ms } of seen) expect(ms).toBeLessThan(PAUSE_MS);
  });
});
