// The userspace client that sends: `homeport client put`, handed over twice in mid-upload.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARE_OF, CLIENT, ClientScene, CONTACT, sha256Of } from './client-scene.ts';
import { requireOrSkip } from './support.ts';

/** Ten seconds at the rate of the lab: time enough for two handoffs on a busy machine. */
const SIZE = 12 * 1024 * 1024;
const TIMEOUT_MS = 90_000;

describe.skipIf(!requireOrSkip('tun', 'tshark'))('client put', { timeout: TIMEOUT_MS }, () => {
  let scene: ClientScene;

  beforeAll(async () => {
    const lab = ['--rate', 'c-a=10mbit', '--rate', 'c-b=10mbit'];
    scene = await ClientScene.up({ lab, server: ['--writable'] });
  }, TIMEOUT_MS);

  afterAll(() => scene?.close(), TIMEOUT_MS);

  const put = (path: string, name: string) =>
    scene.role('c', 'client', 'put', path, `http://[${CONTACT}]/${name}`, '--json');

  test('an upload goes to a, b and a again, and nothing on the wire is amiss', async () => {
    const { path, sha256 } = await scene.toSend('to-send', SIZE);
    const client = put(path, 'sent');
    await scene.uploaded(SIZE / 4);
    await scene.handoff(CLIENT, 'b');
    await scene.uploaded(SIZE / 2);
    await scene.handoff(CLIENT, 'a');
    const { status, stdout } = await client.ended;
    expect(status).toBe(0);
    const handoffs = [
      { from: CARE_OF.a, to: CARE_OF.b },
      { from: CARE_OF.b, to: CARE_OF.a },
    ];
    const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect(result).toMatchObject({ event: 'done', bytes: SIZE, sha256, status: 201, handoffs });
    expect(sha256Of(join(scene.files, 'sent'))).toBe(sha256);
    await scene.down();
    await scene.expectCleanWire();
  });
});
