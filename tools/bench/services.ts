// The three services that load clients measure, on any socket with the face of net.Socket: discard takes all that
// comes, source sends without end, echo sends back. Each ends when its client does.

import type { Duplex } from 'node:stream';

export type Service = (socket: Duplex) => void;

const SOURCE_CHUNK = 1024 * 1024;
const zeros = new Uint8Array(SOURCE_CHUNK);

/** Resets and timeouts are the client's way to go. */
const ignoreErrors = (socket: Duplex): void => void socket.on('error', () => {});

const discard: Service = (socket) => {
  ignoreErrors(socket);
  socket.resume();
};

const source: Service = (socket) => {
  ignoreErrors(socket);
  const fill = () => {
    while (socket.writable && socket.write(zeros));
  };
  socket.on('drain', fill);
  socket.on('end', () => socket.destroy());
  socket.resume();
  fill();
};

const echo: Service = (socket) => {
  ignoreErrors(socket);
  socket.pipe(socket);
};

/** In the order of their ports, from a base port on. */
export const SERVICES = [discard, source, echo] as const;
export const SERVICE_OFFSET = { discard: 0, source: 1, echo: 2 } as const;
