// Load from the kernel's TCP, as a process of its own: `node load-client.js MODE ADDRESS BASE_PORT SECONDS`. MODE is
// upload, download or rr (one octet there and back, one at a time). Prints one line of JSON with what went through
// in the time, after a warm-up in which the JIT and the windows settle.

import { connect, type Socket } from 'node:net';
import { SERVICE_OFFSET } from './services.ts';

export const LOAD_MODES = ['upload', 'download', 'rr'] as const;
export type LoadMode = (typeof LOAD_MODES)[number];

/** What was counted (octets, or round trips) within `seconds`. */
export interface LoadFigures {
  readonly count: number;
  readonly seconds: number;
}

export const WARM_UP_MS = 700;
const CHUNK = 1024 * 1024;

const SERVICE = {
  upload: SERVICE_OFFSET.discard,
  download: SERVICE_OFFSET.source,
  rr: SERVICE_OFFSET.echo,
} as const;

/** Starts the load and gives the counter to read it by. */
const LOADS: Readonly<Record<LoadMode, (socket: Socket) => () => number>> = {
  upload: (socket) => {
    const chunk = new Uint8Array(CHUNK);
    const write = () => {
      while (socket.write(chunk));
    };
    socket.on('drain', write);
    write();
    return () => socket.bytesWritten - socket.writableLength;
  },
  download: (socket) => {
    socket.resume();
    return () => socket.bytesRead;
  },
  rr: (socket) => {
    let count = 0;
    const octet = new Uint8Array(1);
    socket.on('data', () => {
      count += 1;
      socket.write(octet);
    });
    socket.write(octet);
    return () => count;
  },
};

const isMode = (text: string | undefined): text is LoadMode => LOAD_MODES.some((mode) => mode === text);

function main([mode, host, basePort, seconds]: readonly string[]): void {
  if (!isMode(mode) || host === undefined)
    throw new Error(`usage: load-client ${LOAD_MODES.join('|')} ADDRESS PORT SECONDS`);
  const socket = connect({ host, port: Number(basePort) + SERVICE[mode], noDelay: true });
  socket.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  socket.once('connect', () => {
    const counted = LOADS[mode](socket);
    setTimeout(() => {
      const [before, from] = [counted(), performance.now()];
      setTimeout(() => {
        const figures: LoadFigures = { count: counted() - before, seconds: (performance.now() - from) / 1000 };
        process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
      }, Number(seconds) * 1000);
    }, WARM_UP_MS);
  });
}

if (process.argv[1]?.endsWith('load-client.js')) main(process.argv.slice(2));
