// The role behind `homeport client proxy`: a SOCKS5 and HTTP listener of the kernel, whose connections go out by our own
// stack, as a correspondent node.

import { lookup } from 'node:dns';
import { Host } from '../../stack/host.ts';
import { connectSocket } from '../../stack/tcp/socket.ts';
import type { Address } from '../../stack/wire/address.ts';
import type { Output } from '../output.ts';
import { ProxyServer } from '../proxy/proxy-server.ts';
import { MoveWatch } from './move-watch.ts';
import { NodeRuntime } from './runtime.ts';

export interface ClientProxyOptions {
  readonly device: string;
  readonly address: Address;
  readonly listen: { readonly host: string; readonly port: number };
  readonly pcap: string | undefined;
}

const SECRET_LEN = 32;
/** Connections of programs have so long to end after Ctrl-C. */
const PATIENCE_MS = 2_000;

export async function runClientProxy(options: ClientProxyOptions, output: Output): Promise<void> {
  const { device, pcap, address, listen } = options;
  const runtime = new NodeRuntime({ device, pcap, name: 'client-proxy' });
  try {
    const { timers, random, trace, clock } = runtime;
    const watch = new MoveWatch((move) => {
      const { home, from, to, handoffMs } = move;
      const text = `${home}: now from ${to}, ${handoffMs.toFixed(1)} ms after the last segment from ${from}.`;
      output.event('handoff-seen', { ...move }, text);
    });
    const host = new Host({ timers, random, trace, observer: watch.observer, secret: random.bytes(SECRET_LEN) });
    host.attach(runtime.device, { addresses: [address] });
    host.beCorrespondent();
    const home = { tcp: host.tcp, clock, lookup };
    const proxy = new ProxyServer({
      upstream: (target) => connectSocket(home, { ...target, allowHalfOpen: true }),
      failed: (reason) => output.warn(reason),
    });
    const port = await proxy.listen(listen.host, listen.port);
    const at = `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}`;
    const text = `SOCKS5 and HTTP proxy at ${at}, from ${address}. Ctrl-C ends it.`;
    output.event('ready', { role: 'client-proxy', listen: at, address: address.toString() }, text);
    try {
      await runtime.untilStopped();
    } finally {
      await proxy.close(PATIENCE_MS);
    }
  } finally {
    runtime.close();
  }
}
