// `homeport client run`: an unmodified program on a kernel's own TCP, behind our correspondent layer, handed over
// twice in mid-transfer; and what a program finds when it is run so.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CARE_OF, CLIENT, ClientScene, CONTACT, grownTo, says, sha256Of } from './client-scene.ts';
import { requireOrSkip } from './support.ts';

/** Ten seconds at the rate of the lab: time enough for two handoffs on a busy machine. */
const SIZE = 12 * 1024 * 1024;
const TIMEOUT_MS = 90_000;

const HANDOFFS = [
  { event: 'handoff-seen', client: CLIENT, from: CARE_OF.a, to: CARE_OF.b },
  { event: 'handoff-seen', client: CLIENT, from: CARE_OF.b, to: CARE_OF.a },
];

const handoffsIn = (stderr: string): unknown[] =>
  stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe.skipIf(!requireOrSkip('tun', 'tshark', 'curl'))('client run', { timeout: TIMEOUT_MS }, () => {
  let scene: ClientScene;

  beforeAll(async () => {
    scene = await ClientScene.up({ lab: ['--rate', 'c-a=10mbit', '--rate', 'c-b=10mbit'], server: ['--writable'] });
  }, TIMEOUT_MS);

  afterAll(() => scene?.close(), TIMEOUT_MS);

  const run = (...program: readonly string[]) => scene.role('c', 'client', 'run', '--json', '--', ...program);

  test('a program has its own exit status, 127 where there is none, 128 and the number of its signal', async () => {
    expect(await run('sh', '-c', 'exit 7').ended).toEqual({ status: 7, stdout: '', stderr: '' });
    const missing = await run('no-such-program').ended;
    expect(missing).toMatchObject({ status: 127, stdout: '' });
    expect(missing.stderr).toContain('no-such-program: not found');
    expect(await run('sh', '-c', 'kill -9 $$').ended).toMatchObject({ status: 137, stdout: '' });
  });

  test('SIGTERM goes to the program, which may take its time', async () => {
    const program = run('sh', '-c', 'trap "echo caught; exit 5" TERM; echo ready; while :; do sleep 0.05; done');
    await says(program, 'ready');
    expect(await scene.inSite('c', 'sh', '-c', "kill -TERM $(pgrep -f '^[^ ]*node .*client run')").ended).toMatchObject(
      {
        status: 0,
      },
    );
    expect(await program.ended).toEqual({ status: 5, stdout: 'ready\ncaught\n', stderr: '' });
  });

  test('a Ctrl-C, which reaches all processes of the terminal, is the matter of the program alone', async () => {
    const script = 'trap "echo caught; exit 5" INT; echo ready; while :; do sleep 0.05; done';
    const program = scene.inSite('c', 'setsid', '-w', 'homeport', 'client', 'run', '--json', '--', 'sh', '-c', script);
    await says(program, 'ready');
    await scene.inSite('c', 'sh', '-c', "kill -INT -$(pgrep -f '^[^ ]*node .*client run')").ended;
    expect(await program.ended).toEqual({ status: 5, stdout: 'ready\ncaught\n', stderr: '' });
  });

  test('nothing that the program has started outlives us, even when we are killed', async () => {
    const program = run('sh', '-c', 'sleep 4321 & echo ready; sleep 4321');
    await says(program, 'ready');
    await scene.inSite('c', 'sh', '-c', "kill -KILL $(pgrep -f '^[^ ]*node .*client run')").ended;
    await program.ended;
    const sleepers = async () => (await scene.inSite('c', 'pgrep', '-c', '-x', '-f', 'sleep 4321').ended).stdout.trim();
    let count = await sleepers();
    for (let looks = 0; count !== '0' && looks < 50; looks++) count = await sleepers();
    expect(count).toBe('0');
  });

  test('curl on the kernel uploads to a, b and a again', async () => {
    const { path, sha256 } = await scene.toSend('to-send', SIZE);
    const curl = run('curl', '--silent', '--show-error', '--fail', '--upload-file', path, `http://[${CONTACT}]/sent`);
    await scene.uploaded(SIZE / 4);
    await scene.handoff(CLIENT, 'b');
    await scene.uploaded(SIZE / 2);
    await scene.handoff(CLIENT, 'a');
    const { status, stdout, stderr } = await curl.ended;
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(sha256Of(join(scene.files, 'sent'))).toBe(sha256);
    expect(handoffsIn(stderr)).toMatchObject(HANDOFFS);
  });

  test('curl on the kernel downloads from a, b and a again, and nothing on the wire is amiss', async () => {
    const sha256 = await scene.serve('file', SIZE);
    const output = scene.path('received');
    const curl = run('curl', '--silent', '--show-error', '--fail', '--output', output, `http://[${CONTACT}]/file`);
    await grownTo(output, SIZE / 4);
    await scene.handoff(CLIENT, 'b');
    await grownTo(output, SIZE / 2);
    await scene.handoff(CLIENT, 'a');
    const { status, stdout, stderr } = await curl.ended;
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(sha256Of(output)).toBe(sha256);
    expect(handoffsIn(stderr)).toMatchObject(HANDOFFS);
    await scene.down();
    await scene.expectCleanWire();
  });
});
