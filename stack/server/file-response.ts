// The body of a response: octets of a file, at a position that goes on from node to node.

import type { ResponseState } from './file-state.ts';
import type { FileStore, OpenFile } from './file-store.ts';

/** Octets of a file that are read, and written, at one go. */
export const FILE_CHUNK = 256 * 1024;

/** The response whose body is being written. */
export interface Response {
  readonly file: OpenFile;
  /** Where this session began to write it. */
  readonly start: number;
  /** The next octet to be given to the socket. */
  offset: number;
  readonly end: number;
  readonly keepAlive: boolean;
}

/** The octets at `from`: a chunk, or what is left of it. Empty at the end. */
export const readAhead = (file: OpenFile, from: number, end: number): Promise<Uint8Array> => {
  if (from >= end) return Promise.resolve(Buffer.alloc(0));
  const chunk = file.read(from, Math.min(FILE_CHUNK, end - from));
  chunk.catch(() => {}); // told to whoever awaits it; after the end of the socket nobody does
  return chunk;
};

/** Opens this node's copy of a file that another node was sending; a text says why it cannot go on here. */
export async function reopen(store: FileStore, state: ResponseState): Promise<Response | string> {
  const file = await store.openFile(state.path);
  if (file === undefined) return `no file '${state.path}' here`;
  const refuse = async (reason: string) => {
    await file.close();
    return reason;
  };
  if (file.size !== state.size) return refuse(`'${state.path}' has ${file.size} octets here, not ${state.size}`);
  const sha256 = await file.sha256().catch(() => 'unreadable');
  if (sha256 !== state.sha256) return refuse(`'${state.path}' has other content here`);
  return { file, start: state.offset, offset: state.offset, end: state.end, keepAlive: state.keepAlive };
}
