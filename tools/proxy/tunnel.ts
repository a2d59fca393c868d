// Two byte streams joined: what comes out of one goes into the other, as fast as that takes it, each direction ended by
// itself; an error of one ends both. And the end of a stream that there is nothing to join with.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

export function join(near: Duplex, far: Duplex): void {
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
  near.on('close', () => endOrDestroy(far));
  far.on('close', () => endOrDestroy(near));
  near.pipe(far);
  far.pipe(near);
}

/** pipe() ends the other side after an 'end'; one that was closed without is an abort. */
function endOrDestroy(other: Duplex): void {
  if (!other.writableEnded) other.destroy();
}

/** Says why, hears nothing more, and waits no longer than so for the other end to close. */
export function lastWords(socket: Socket, words: Uint8Array | string, patienceMs: number): void {
  socket.end(words);
  socket.resume();
  socket.setTimeout(patienceMs, () => socket.destroy());
}
