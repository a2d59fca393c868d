// The userspace client, `homeport client get`, among the kinds of client: handed over twice in mid-transfer.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARE_OF, CLIENT, ClientScene, CONTACT, grownTo, sha256Of } from './client-scene.ts';
import { requireOrSkip } from './support.ts';

const SIZE = 12 * 1024 * 1024;
const TIMEOUT_MS = 90_000;

describe.skipIf(!requireOrSkip('tun', 'tshark'))('client get', () => {
  let scene: ClientScene;

  beforeAll(async () => {
    scene = await ClientScene.up({ lab: ['--rate', 'c-a=20mbit', '--rate', 'c-b=20mbit'] });
  }, TIMEOUT_MS);

  afterAll(() => scene?.close(), TIMEOUT_MS);

  test('a download goes from a to b and back, and nothing on the wire is amiss', { timeout: TIMEOUT_MS }, async () => {
    const sha256 = await scene.serve('file', SIZE);
    const output = scene.path('received');
    const client = scene.role('c', 'client', 'get', `http://[${CONTACT}]/file`, '--output', output, '--json');
    await grownTo(`${output}.part`, SIZE / 4);
    await scene.handoff(CLIENT, 'b');
    await grownTo(`${output}.part`, SIZE / 2);
    await scene.handoff(CLIENT, 'a');
    const { status, stdout } = await client.ended;
    expect(status).toBe(0);
    const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    const handoffs = [
      { from: CARE_OF.a, to: CARE_OF.b },
      { from: CARE_OF.b, to: CARE_OF.a },
    ];
    expect(result).toMatchObject({ event: 'done', bytes: SIZE, sha256, handoffs });
    expect(sha256Of(output)).toBe(sha256);
    await scene.down();
    await scene.expectCleanWire();
    expect(scene.handoffsSeen(CLIENT)).toMatchObject(handoffs);
  });
});
