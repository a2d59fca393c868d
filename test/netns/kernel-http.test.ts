// The kernel as the peer of real applications, connection after connection: curl against node:http on our sockets, and
// our client against node:http of the kernel. Ports are few and come again while the other end still remembers them
// (TIME-WAIT, RFC 6191). Bulk transfers between the same pairs are in kernel-peer.test.ts.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type ServerResponse,
} from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TcpState } from '../../stack/tcp/api.ts';
import { ready, spawnIn, sysctlIn } from '../../tools/bench/namespace.ts';
import { directScene, type Scene } from '../../tools/bench/scene.ts';
import { builtScript } from '../../tools/bench/transfer.ts';
import { countedSince, type KernelCounters, kernelCounters, offences } from './interop-counters.ts';
import { eventually, Netns, requireOrSkip } from './support.ts';

const OUR_PORT = 8080;
const KERNEL_PORT = 8081;
const TIMEOUT_MS = 30_000;
/** Connections of a case, and the ports for all of them. */
const MANY = 400;
const FIRST_PORT = 40_000;
const FEW_PORTS = 32;

const ENDLESS = '/endless';
/** Until the client has had enough. */
function pour(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024);
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}

describe.skipIf(!requireOrSkip('tun', 'curl'))('HTTP with the Linux kernel, one connection after the other', () => {
  let netns: Netns;
  let scene: Scene;
  let before: KernelCounters;

  beforeAll(() => {
    netns = new Netns();
    scene = directScene(netns.name);
  });
  afterAll(() => {
    scene?.close();
    netns.close();
  });
  beforeEach(() => {
    before = kernelCounters(netns.name);
  });
  afterEach(({ task }) => {
    const aborts = task.name.includes('breaks off');
    expect(offences(countedSince(before, kernelCounters(netns.name)), { aborts })).toEqual([]);
  });

  /** Our connections; of them, those in a state. */
  const all = (): number => [...scene.stack.host.tcp.connections()].length;
  const ours = (state: TcpState): number =>
    [...scene.stack.host.tcp.connections()].filter((connection) => connection.state === state).length;

  describe('curl and node:http on our sockets', () => {
    const web = createServer((incoming, response) => void answer(incoming, response));
    let connections = 0;
    const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
      if (incoming.url === ENDLESS) return pour(response);
      const body = await text(incoming);
      const said = `${incoming.method} ${incoming.url} ${body.length}\n`;
      if (incoming.httpVersion === '1.1') return void response.end(said);
      // Without a length: our FIN is what ends it, and comes first.
      response.write(said);
      response.end();
    };

    beforeAll(async () => {
      const listener = scene.stack.host.listen({ address: scene.stackAddress, port: OUR_PORT }, (socket) => {
        connections += 1;
        web.emit('connection', socket);
      });
      await once(listener, 'listening');
    });
    beforeEach(() => {
      connections = 0;
    });

    const curl = async (path: string, ...more: readonly string[]): Promise<string> => {
      const url = `http://[${scene.stackAddress}]:${OUR_PORT}${path}`;
      const args = ['--silent', '--show-error', '--no-progress-meter', '--fail', ...more, url];
      const { status, stdout, stderr } = await netns.run('curl', args, { timeoutMs: TIMEOUT_MS });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      return stdout;
    };
    const lines = (count: number): string[] => Array.from({ length: count }, (_, i) => `GET /${i + 1} 0`);

    test.each([1, 0])(
      `RFC 6191: ${MANY} documents, a connection each, from ${FEW_PORTS} ports that we have in TIME-WAIT; kernel timestamps: %i`,
      async (timestamps) => {
        const range = `${FIRST_PORT} ${FIRST_PORT + FEW_PORTS - 1}`;
        sysctlIn(netns.name, { 'ipv4/tcp_timestamps': timestamps, 'ipv4/ip_local_port_range': range });
        const stdout = await curl(`/[1-${MANY}]`, '--http1.0');
        sysctlIn(netns.name, { 'ipv4/tcp_timestamps': 1, 'ipv4/ip_local_port_range': '32768 60999' });
        expect(stdout.trim().split('\n')).toEqual(lines(MANY));
        expect(connections).toBe(MANY);
        await eventually('only TIME-WAIT is left', () => ours('TIME-WAIT') === all());
        expect(all()).toBeLessThanOrEqual(FEW_PORTS);
      },
      TIMEOUT_MS,
    );

    test(
      `${MANY} documents over 20 connections at once that stay open`,
      async () => {
        const stdout = await curl(`/[1-${MANY}]`, '--parallel', '--parallel-max', '20');
        expect(stdout.trim().split('\n').sort()).toEqual(lines(MANY).sort());
        expect(connections).toBeLessThanOrEqual(20);
      },
      TIMEOUT_MS,
    );

    test.each([
      ['a body that waits for 100 Continue', ['--header', 'Expect: 100-continue'], 'PUT /x 300000\n'],
      ['a body in chunks', ['--header', 'Transfer-Encoding: chunked'], 'PUT /x 300000\n'],
    ])('%s', async (_name, more, expected) => {
      const input = ['sh', '-c', 'head -c 300000 /dev/zero | curl "$@"', 'sh'];
      const url = `http://[${scene.stackAddress}]:${OUR_PORT}/x`;
      const [command = '', ...args] = [
        ...input,
        '--silent',
        '--show-error',
        '--globoff',
        '--upload-file',
        '-',
        ...more,
        url,
      ];
      expect(await netns.run(command, args)).toMatchObject({ status: 0, stdout: expected, stderr: '' });
    });

    test('downloads that curl breaks off: nothing is left of them', async () => {
      const url = `http://[${scene.stackAddress}]:${OUR_PORT}${ENDLESS}`;
      const script = 'for i in 1 2 3 4 5; do curl --silent --globoff "$1" | head -c 1000000 | wc -c; done';
      const { stdout } = await netns.run('sh', ['-c', script, 'sh', url]);
      expect(stdout.trim().split('\n')).toEqual(Array(5).fill('1000000'));
      expect(connections).toBe(5);
      await eventually('the connections are gone', () => ours('ESTABLISHED') + ours('CLOSE-WAIT') === 0);
    });
  });

  describe('our client and node:http of the kernel', () => {
    let server: ReturnType<typeof spawnIn>;
    beforeAll(async () => {
      const where = [scene.kernelAddress.toString(), String(KERNEL_PORT)];
      server = spawnIn(scene.kernelNetns, process.execPath, [builtScript('content-server.js'), ...where]);
      await ready(server);
    });
    afterAll(() => void server?.kill());

    const sha256 = (body: string): string => createHash('sha256').update(body).digest('hex');

    const dial = () => scene.stack.host.connect({ address: scene.kernelAddress, port: KERNEL_PORT });

    /** What the server says of a body. Without an agent a connection is for one request. */
    const put = (body: string, via: Pick<RequestOptions, 'agent' | 'createConnection'>): Promise<string> =>
      new Promise((resolve, reject) => {
        const headers = { host: 'kernel', 'content-length': body.length };
        const outgoing = request({ method: 'PUT', headers, ...via });
        outgoing.once('error', reject).once('response', (response) => void text(response).then(resolve, reject));
        outgoing.end(body);
      });

    test(
      `${MANY} requests, a connection each, 20 at once`,
      async () => {
        const chains = Array.from({ length: 20 }, async (_, i) => {
          for (let n = i; n < MANY; n += 20) {
            const body = `request ${n}`;
            expect(await put(body, { createConnection: dial })).toBe(`${sha256(body)}\n`);
          }
        });
        await Promise.all(chains);
        const opened = countedSince(before, kernelCounters(netns.name)).TcpPassiveOpens;
        expect(opened).toBe(MANY);
        await eventually('only TIME-WAIT is left', () => ours('TIME-WAIT') === all());
      },
      TIMEOUT_MS,
    );

    test(
      `${MANY} requests over 10 connections that stay open`,
      async () => {
        const agent = Object.assign(new Agent({ keepAlive: true, maxSockets: 10 }), { createConnection: dial });
        const bodies = Array.from({ length: MANY }, (_, n) => `request ${n}`);
        const answers = await Promise.all(bodies.map((body) => put(body, { agent })));
        agent.destroy();
        expect(answers).toEqual(bodies.map((body) => `${sha256(body)}\n`));
        const opened = countedSince(before, kernelCounters(netns.name)).TcpPassiveOpens;
        expect(opened).toBeLessThanOrEqual(10);
      },
      TIMEOUT_MS,
    );
  });
});
