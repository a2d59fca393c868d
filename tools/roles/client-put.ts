// The upload behind `homeport client put`: over our own socket, as a correspondent node.

import { Host } from '../../stack/host.ts';
import { connectSocket } from '../../stack/tcp/socket.ts';
import type { Address } from '../../stack/wire/address.ts';
import { type Output, octets, type Progress, table } from '../output.ts';
import { type UploadResult, upload } from '../upload.ts';
import { closed, type Target } from './client.ts';
import { MoveWatch, type PeerMove } from './move-watch.ts';
import { NodeRuntime } from './runtime.ts';

export interface PutOptions {
  readonly file: string;
  readonly target: Target;
  readonly device: string;
  readonly address: Address;
  readonly pcap: string | undefined;
}

const SECRET_LEN = 32;

export async function runPut(options: PutOptions, output: Output): Promise<void> {
  const { device, pcap } = options;
  const runtime = new NodeRuntime({ device, pcap, name: 'client' });
  try {
    const moves: PeerMove[] = [];
    const result = await runtime.during(put(options, output, runtime, moves));
    output.event('done', { ...result, handoffs: moves }, describe(options.target.url, result, moves));
  } finally {
    runtime.close();
  }
}

async function put(
  options: PutOptions,
  output: Output,
  runtime: NodeRuntime,
  moves: PeerMove[],
): Promise<UploadResult> {
  const { timers, random, trace, clock } = runtime;
  const { host: server, port, path, url } = options.target;
  let progress: Progress | undefined;
  const watch = new MoveWatch((move) => {
    moves.push(move);
    progress?.finish(); // the line stays, the bar goes on below it
    output.event('handoff-seen', { ...move }, describeMove(move));
  });
  const host = new Host({ timers, random, trace, observer: watch.observer, secret: random.bytes(SECRET_LEN) });
  host.attach(runtime.device, { addresses: [options.address] });
  host.beCorrespondent();
  const result = await upload({
    ...{ url, path, file: options.file },
    host: port === 80 ? `[${server}]` : `[${server}]:${port}`,
    connect: () => connectSocket({ tcp: host.tcp, clock }, { host: server, port }),
    onProgress: (sent, total) => {
      progress ??= output.progress('put', total);
      progress.update(sent);
    },
  }).finally(() => progress?.finish());
  await closed(host);
  return result;
}

const describeMove = ({ from, to, handoffMs }: PeerMove): string =>
  `Now to ${to}: its first acknowledgement came ${handoffMs.toFixed(1)} ms after the last one from ${from}.`;

function describe(url: string, result: UploadResult, moves: readonly PeerMove[]): string {
  const rate = `${octets(result.bytes / Math.max(0.001, result.durationMs / 1000))}/s`;
  const handoffs = moves.map(({ from, to, handoffMs }) => [`${from} to ${to}`, `${handoffMs.toFixed(2)} ms`]);
  const what = result.status === 201 ? 'stored' : 'replaced';
  return [
    `${url}: ${what}, ${octets(result.bytes)} in ${(result.durationMs / 1000).toFixed(2)} s (${rate})`,
    `SHA-256 ${result.sha256}`,
    ...(handoffs.length === 0 ? [] : [table([['handoff', 'took'], ...handoffs])]),
  ].join('\n');
}
