// `homeport client proxy`: programs of the kernel that reach the group by SOCKS5 and HTTP through our own stack, and are
// handed over with it in mid-transfer.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARE_OF, CLIENT, ClientScene, CONTACT, grownTo, says, sha256Of } from './client-scene.ts';
import type { Running } from './homeport.ts';
import { requireOrSkip } from './support.ts';

const SIZE = 8 * 1024 * 1024;
const TIMEOUT_MS = 90_000;
const PROXY = '[::1]:1080';
const HANDOFFS = [
  { from: CARE_OF.a, to: CARE_OF.b },
  { from: CARE_OF.b, to: CARE_OF.a },
];

describe.skipIf(!requireOrSkip('tun', 'tshark', 'curl'))('client proxy', { timeout: TIMEOUT_MS }, () => {
  let scene: ClientScene;
  let proxy: Running;

  beforeAll(async () => {
    scene = await ClientScene.up({ lab: ['--rate', 'c-a=10mbit', '--rate', 'c-b=10mbit'], server: ['--writable'] });
    proxy = scene.role('c', 'client', 'proxy', '--json');
    await says(proxy, '"event":"ready"');
  }, TIMEOUT_MS);

  afterAll(() => scene?.close(), TIMEOUT_MS);

  const curl = (...args: readonly string[]): Running =>
    scene.inSite('c', 'curl', '--silent', '--show-error', '--fail', ...args);

  test('a port where nobody listens is reply 5, and one line', async () => {
    const refused = await curl('--socks5-hostname', PROXY, `http://[${CONTACT}]:81/`).ended;
    expect(refused).toMatchObject({ status: 97, stdout: '' }); // CURLE_PROXY
    expect(proxy.written.stderr).toBe(
      `homeport: [${CONTACT}]:81: connection refused (connect ECONNREFUSED ${CONTACT}:81)\n`,
    );
  });

  const movesSeen = (): unknown[] =>
    proxy.written.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ event }) => event === 'handoff-seen');

  test('curl uploads by SOCKS5 to a, b and a again', async () => {
    const { path, sha256 } = await scene.toSend('to-send', SIZE);
    const running = curl('--socks5-hostname', PROXY, '--upload-file', path, `http://[${CONTACT}]/sent`);
    await scene.uploaded(SIZE / 4);
    await scene.handoff(CLIENT, 'b');
    await scene.uploaded(SIZE / 2);
    await scene.handoff(CLIENT, 'a');
    expect(await running.ended).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(sha256Of(join(scene.files, 'sent'))).toBe(sha256);
    expect(movesSeen()).toMatchObject(HANDOFFS);
  });

  test('curl downloads by SOCKS5 from a and b, by HTTP from b and a, and nothing on the wire is amiss', async () => {
    const sha256 = await scene.serve('file', SIZE);
    const url = `http://[${CONTACT}]/file`;
    const ways = [
      { option: '--socks5-hostname', at: PROXY, to: 'b' },
      { option: '--proxy', at: `http://${PROXY}`, to: 'a' },
    ] as const;
    for (const { option, at, to } of ways) {
      const output = scene.path(`received-from-${to}`);
      const running = curl(option, at, '--output', output, url);
      await grownTo(output, SIZE / 3);
      await scene.handoff(CLIENT, to);
      expect(await running.ended).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(sha256Of(output)).toBe(sha256);
    }
    expect(movesSeen()).toMatchObject([...HANDOFFS, ...HANDOFFS]);
    await scene.down();
    await scene.expectCleanWire('tcp.port != 81');
  });
});
