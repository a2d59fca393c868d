// Ways to open that not every connection takes, with the Linux kernel at the other end: text in the SYN (TCP Fast Open,
// RFC 7413) with either end as the server, and a kernel that opens more connections than our backlog holds (SYN cookies).

import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milliseconds } from '../../stack/core/time.ts';
import { applyVariant, type KernelVariant } from '../../tools/bench/kernels.ts';
import { countedSince, kernelCounters } from './interop-counters.ts';
import { removeCompiledPeer } from './interop-kernel.ts';
import type { Step } from './interop-plays.ts';
import { Interop } from './interop-scene.ts';
import { requireOrSkip } from './support.ts';

const TIMEOUT_MS = 30_000;
const DONE = { ended: true, error: null } as const;

afterAll(removeCompiledPeer);

describe.skipIf(!requireOrSkip('tun', 'curl'))('RFC 7413: TCP Fast Open with the Linux kernel', () => {
  /** Of the kernel's: client, server, and every listener of Node is one. */
  const [ON, OFF] = [0x403, 0];
  const ROUNDS = 3;
  let interop: Interop;
  beforeAll(async () => {
    interop = await Interop.wan({ path: { delay: milliseconds(2), rate: 100e6 }, seed: 1 });
  });
  afterAll(() => interop?.close());

  const setFastOpen = (value: number): void => interop.sysctl({ 'ipv4/tcp_fastopen': value });

  /** A request and its echo. */
  const ask = (port: number, request: string): Promise<string> => {
    const { stack, kernelAddress } = interop.scene;
    const socket = stack.host.connect({ address: kernelAddress, port, fastOpen: true });
    socket.end(request);
    return text(socket);
  };

  test('4.1.3, 4.2.1: our SYN asks for a cookie; from then on it carries the request', async () => {
    setFastOpen(ON);
    const before = kernelCounters(interop.far.name);
    const port = await interop.kernel.listen(interop.scene.kernelAddress.toString(), [['echo']]);
    for (let i = 0; i < ROUNDS; i++) expect(await ask(port, `request ${i}`)).toBe(`request ${i}`);
    await interop.kernel.collect(port, ROUNDS);
    expect(countedSince(before, kernelCounters(interop.far.name))).toMatchObject({
      TcpExtTCPFastOpenCookieReqd: 1,
      TcpExtTCPFastOpenPassive: ROUNDS - 1,
      TcpExtTCPFastOpenPassiveFail: 0,
    });
  });

  test('4.2.1: a kernel that has turned it off since takes the SYN without its text, which follows', async () => {
    setFastOpen(OFF);
    const port = await interop.kernel.listen(interop.scene.kernelAddress.toString(), [['echo']]);
    expect(await ask(port, 'request')).toBe('request');
    await interop.kernel.collect(port, 1);
  });

  test('4.2.2: curl asks us for a cookie; from then on its SYN carries the request, and our answer needs no ACK', async () => {
    setFastOpen(ON);
    const before = kernelCounters(interop.far.name);
    const { stack, stackAddress } = interop.scene;
    const fastOpened: boolean[] = [];
    const server = stack.host.listen({ address: stackAddress, port: 80, fastOpen: true }, (socket) => {
      const connection = interop.connections().find(({ remote }) => remote.port === socket.remotePort);
      fastOpened.push(connection?.info.fastOpened === true);
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'));
    });
    await once(server, 'listening');
    const args = ['--silent', '--show-error', '--globoff', '--tcp-fastopen', `http://[${stackAddress}]/`];
    for (let i = 0; i < ROUNDS; i++) {
      expect(await interop.far.run('curl', args)).toEqual({ status: 0, stdout: 'ok', stderr: '' });
    }
    server.close();
    expect(fastOpened).toEqual([false, true, true]);
    expect(countedSince(before, kernelCounters(interop.far.name))).toMatchObject({
      TcpExtTCPFastOpenActive: ROUNDS - 1,
      TcpExtTCPFastOpenActiveFail: 0,
    });
  });

  test(
    '4.2.1: SYNs with text are lost, damaged and late: what is sent again is whole',
    async () => {
      setFastOpen(ON);
      const port = await interop.kernel.listen(interop.scene.kernelAddress.toString(), [['echo']]);
      const count = 40;
      expect(await ask(port, 'for a cookie')).toBe('for a cookie');
      const links = Object.values(interop.links ?? {});
      for (const link of links) link.configure({ loss: 0.05, corruption: 0.05, reordering: 0.1 });
      const requests = Array.from({ length: count }, (_, i) => `request ${i}`);
      expect(await Promise.all(requests.map((request) => ask(port, request)))).toEqual(requests);
      for (const link of links) link.configure({ loss: 0, corruption: 0, reordering: 0 });
      await interop.kernel.collect(port, count + 1);
      expect(interop.offences({ damage: true })).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(!requireOrSkip('tun'))(
  'RFC 4987 3.6: a kernel that opens 200 connections at once, for a backlog of 16',
  () => {
    const KERNELS: readonly KernelVariant[] = [
      { name: 'as it comes: its options come back in our timestamp' },
      { name: 'without timestamps: no options but the MSS', settings: { tcp_timestamps: 0 } },
      { name: 'without SACK and window scaling', settings: { tcp_sack: 0, tcp_window_scaling: 0 } },
    ];
    let interop: Interop;
    beforeAll(async () => {
      interop = await Interop.wan({ path: { delay: milliseconds(5), rate: 100e6, loss: 0.01 }, seed: 2 });
    });
    afterAll(() => interop?.close());

    test.each(KERNELS.map((kernel) => [kernel.name, kernel] as const))(
      'a kernel %s',
      async (_name, kernel) => {
        applyVariant(interop.far.name, kernel);
        const { stack, stackAddress } = interop.scene;
        const { counters } = stack.host.tcp;
        const before = counters.get('syn-cookie-taken');
        const listen = { address: stackAddress, port: 0, backlog: 16, allowHalfOpen: true };
        const server = stack.host.listen(listen, (socket) => void socket.on('error', () => {}).pipe(socket));
        await once(server, 'listening');
        interop.transitions.length = 0;
        const steps: Step[] = [['write', 5_000, 0], ['end'], ['receive-end']];
        const port = server.address()?.port ?? 0;
        const outcomes = await interop.kernel.connect({ host: stackAddress.toString(), port, steps, count: 200 });
        server.close();
        // RFC 4987 3.4: what stays half-open for 3 s has to make room: none, but where a machine is as slow as that.
        const madeRoom = interop.transitions.filter((change) => change === 'SYN-RECEIVED > CLOSED').length;
        const failed = outcomes.filter(({ error }) => error !== null);
        expect(failed.length).toBeLessThanOrEqual(madeRoom);
        for (const outcome of outcomes) {
          if (!failed.includes(outcome)) expect(outcome).toMatchObject({ ...DONE, received: outcome.sent });
        }
        expect(counters.get('syn-cookie-taken') - before).toBeGreaterThan(50);
        expect(interop.offences()).toEqual([]);
      },
      TIMEOUT_MS,
    );
  },
);
