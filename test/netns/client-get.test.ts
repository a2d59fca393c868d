// The userspace client, `homeport client get`, among the kinds of client: handed over twice in mid-transfer.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARE_OF, CLIENT, ClientScene, CONTACT, grownTo, sha256Of } from './client-scene.ts';
import { requireOrSkip } from './support.ts';

/** Ten seconds at the rate of the lab: time enough for two handoffs on a busy machine. */
const SIZE = 12 * 1024 * 1024;
const LAB = ['--rate', 'c-a=10mbit', '--rate', 'c-b=10mbit'];
const TIMEOUT_MS = 90_000;
const ONE_BINDING = ['--bindings', 'one', '--security', 'none'];

describe.skipIf(!requireOrSkip('tun', 'tshark'))('client get', { timeout: TIMEOUT_MS }, () => {
  describe.each([
    { homeAgent: 'of ours', options: {}, registered: [CARE_OF.a, CARE_OF.b] },
    {
      homeAgent: "with one binding and no RFC 4285, as another vendor's",
      options: { homeAgent: ONE_BINDING, server: [...ONE_BINDING, '--contact', 'a'] },
      registered: [CARE_OF.a],
    },
  ])('and a home agent $homeAgent', ({ options, registered }) => {
    let scene: ClientScene;

    beforeAll(async () => {
      scene = await ClientScene.up({ lab: LAB, ...options });
    }, TIMEOUT_MS);

    afterAll(() => scene?.close(), TIMEOUT_MS);

    test('a download goes from a to b and back, and nothing on the wire is amiss', async () => {
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

    test('who asks the home agent for a binding', async () => {
      const updates = await scene.tshark('mip6.mhtype == 5 && ipv6.dst == 2001:db8:1::1', 'ipv6.src');
      const sources = updates.map((line) => line.split(',')[0]);
      expect([...new Set(sources)].sort()).toEqual(registered);
    });
  });
});
