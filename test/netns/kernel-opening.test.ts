// The Linux kernel as the peer of openings that are not plain handshakes: TCP Fast Open (RFC 7413) in both roles, and
// SYN cookies (RFC 4987) when our backlog is full.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pathOf } from '../../tools/bench/namespace.ts';
import { countedSince, kernelCounters } from './interop-counters.ts';
import { removeCompiledPeer } from './interop-kernel.ts';
import { play } from './interop-plays.ts';
import { Interop } from './interop-scene.ts';
import { requireOrSkip } from './support.ts';

/** Client, server, and a server on sockets that do not ask for it (linux/ip-sysctl, tcp_fastopen). */
const FAST_OPEN = 0x1 | 0x2 | 0x400;
const CLIENTS = 50;

const run = promisify(execFile);

afterAll(removeCompiledPeer);

describe.skipIf(!requireOrSkip('tun', 'curl'))('openings with the Linux kernel', () => {
  let interop: Interop;
  beforeAll(async () => {
    interop = await Interop.direct();
    interop.sysctl({ 'ipv4/tcp_fastopen': FAST_OPEN });
  });
  afterAll(() => interop?.close());

  test('RFC 7413: the kernel takes our cookie request, and then the text of our SYN', async () => {
    const { stack, kernelAddress, kernelNetns } = interop.scene;
    const port = await interop.kernel.listen(kernelAddress.toString(), [['receive-end'], ['write', 5000, 2], ['end']]);
    const before = kernelCounters(kernelNetns);
    const collected = interop.kernel.collect(port, 2);
    for (const known of [false, true]) {
      const socket = stack.host.connect({ address: kernelAddress, port, fastOpen: true, allowHalfOpen: true });
      socket.write(Buffer.alloc(700)); // at once: it goes along
      const outcome = await play(socket, [['end'], ['receive-end']], 0);
      expect([known, outcome.received.octets, outcome.error]).toEqual([known, 5000, null]);
    }
    const accepted = await collected;
    const ours = interop.connections().filter(({ remote }) => remote.port === port); // both in TIME-WAIT
    expect(ours.map(({ info }) => info.fastOpened).sort()).toEqual([false, true]);
    expect(accepted.map(({ received, error }) => [received.octets, error])).toEqual([
      [700, null],
      [700, null],
    ]);
    const { TcpExtTCPFastOpenCookieReqd, TcpExtTCPFastOpenPassive, TcpExtTCPFastOpenPassiveFail } = countedSince(
      before,
      kernelCounters(kernelNetns),
    );
    expect([TcpExtTCPFastOpenCookieReqd, TcpExtTCPFastOpenPassive, TcpExtTCPFastOpenPassiveFail]).toEqual([1, 1, 0]);
  });

  test('RFC 7413: our cookie goes into the kernel’s next SYN, with the request of curl', async () => {
    const { stack, stackAddress, kernelNetns } = interop.scene;
    const web = createServer((request, response) => response.end(`you asked for ${request.url}`));
    const opened: boolean[] = [];
    const server = stack.host.listen(
      { address: stackAddress, port: 0, allowHalfOpen: true, fastOpen: true },
      (socket) => {
        for (const { info } of stack.host.tcp.connections()) opened.push(info.fastOpened);
        web.emit('connection', socket);
      },
    );
    await once(server, 'listening');
    const before = kernelCounters(kernelNetns);
    for (const path of ['/first', '/second']) {
      const url = `http://[${stackAddress}]:${server.address()?.port}${path}`;
      const command = ['curl', '--silent', '--globoff', '--tcp-fastopen', '--max-time', '10', url];
      const { stdout } = await run('nsenter', [`--net=${pathOf(kernelNetns)}`, ...command]);
      expect(stdout).toBe(`you asked for ${path}`);
    }
    server.close();
    const { TcpExtTCPFastOpenActive, TcpExtTCPFastOpenActiveFail } = countedSince(before, kernelCounters(kernelNetns));
    expect([TcpExtTCPFastOpenActive, TcpExtTCPFastOpenActiveFail]).toEqual([1, 0]);
    expect(opened).toContain(true);
  });

  test('RFC 4987 3.6: the kernel’s clients open by SYN cookies, and have their window scale and SACK', async () => {
    const { counters } = interop.scene.stack.host.tcp;
    const { opened, accepted } = await interop.runMany({
      opener: 'the kernel',
      open: [['write', 20_000, 1], ['end'], ['receive-end']],
      accept: [['echo']],
      count: CLIENTS,
      backlog: 1,
    });
    expect(counters.get('syn-cookie-taken')).toBeGreaterThan(0);
    expect(opened.filter(({ error, received }) => error !== null || received.octets !== 20_000)).toEqual([]);
    expect(accepted.length).toBe(CLIENTS);
    expect(interop.offences()).toEqual([]);
  });
});
