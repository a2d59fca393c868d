// The bundled file server: HTTP/1.1 GET and HEAD over the files of a directory, on our own sockets. It moves in
// the middle of a response: its state is the file, the next octet to write and what is left of the requests.
// Each member serves the same files; the acceptor checks that its own has the size and the age of the donor's.

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { concatBytes, EMPTY } from '../../stack/core/bytes.ts';
import type { Clock } from '../../stack/core/time.ts';
import type { TcpLayer } from '../../stack/tcp/api.ts';
import type { Socket } from '../../stack/tcp/socket.ts';
import { Server } from '../../stack/tcp/socket-server.ts';
import { MAX_HEAD, readHead, reasonOf, responseHead } from './http-request.ts';

const CHUNK = 256 * 1024;
/** Requests a client may send ahead of their responses. */
const MAX_PIPELINED = 4 * MAX_HEAD;

/** What moves with a client, beside the socket's own state. */
interface FileState {
  /** Octets of requests that have been read and not yet acted upon. */
  readonly requests: Uint8Array;
  /** The response under way. */
  readonly response: {
    readonly path: string;
    readonly offset: number;
    readonly size: number;
    readonly keepAlive: boolean;
  } | null;
}

/** The app of a port (HandoffApp), to be given to Member.serve(). */
export function createFileServer(tcp: TcpLayer, clock: Clock, directory: string): Server {
  const restore = async (socket: Socket, state: unknown): Promise<string | undefined> => {
    const moved = fileStateOf(state);
    if (moved === undefined) return 'not the state of a file server';
    return new FileSession(socket, directory).restore(moved);
  };
  return new Server(tcp, clock, { restore }, (socket) => new FileSession(socket, directory).start());
}

interface Response {
  readonly file: FileHandle;
  readonly path: string;
  readonly size: number;
  readonly keepAlive: boolean;
  /** Next octet that will be written to the socket. */
  offset: number;
}

/** One connection: requests in, one response at a time out. */
class FileSession {
  readonly #socket: Socket;
  readonly #directory: string;
  #requests: Uint8Array = EMPTY;
  #response: Response | undefined;
  #busy = false;

  constructor(socket: Socket, directory: string) {
    this.#socket = socket;
    this.#directory = directory;
  }

  start(): void {
    const socket = this.#socket;
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => void this.#response?.file.close());
    socket.on('handoff', () => this.#state());
    socket.on('data', (octets: Uint8Array) => {
      this.#requests = concatBytes(this.#requests, octets);
      if (this.#requests.length > MAX_PIPELINED) socket.destroy();
      else void this.#serve();
    });
  }

  /** Goes on where the donor stopped; a text says why that cannot be. */
  async restore(state: FileState): Promise<string | undefined> {
    const { requests, response } = state;
    this.#requests = requests;
    if (response !== null) {
      const opened = await this.#open(response.path);
      if (opened === undefined) return `no file ${response.path} here`;
      if (opened.size !== response.size) {
        await opened.file.close();
        return `file ${response.path} has another size here`;
      }
      this.#response = { ...opened, ...response };
    }
    this.start();
    void this.#serve();
    return undefined;
  }

  /** At the last octet written and read: what is read from the file but not written yet does not count. */
  #state(): FileState {
    const { path, offset, size, keepAlive } = this.#response ?? {};
    const response =
      path === undefined ? null : { path, offset: offset ?? 0, size: size ?? 0, keepAlive: keepAlive === true };
    return { requests: this.#requests, response };
  }

  async #serve(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      do await this.#send();
      while (await this.#next());
    } catch {
      this.#socket.destroy(); // the file cannot be read: the client sees a response cut short
    } finally {
      this.#busy = false;
    }
  }

  /** Writes the rest of the response under way. */
  async #send(): Promise<void> {
    const response = this.#response;
    if (response === undefined) return;
    while (response.offset < response.size) {
      const { buffer, bytesRead } = await response.file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, response.offset);
      if (this.#socket.destroyed) return;
      if (bytesRead === 0) throw new Error(`${response.path} has become shorter`);
      const more = this.#socket.write(buffer.subarray(0, bytesRead));
      response.offset += bytesRead;
      if (!more && !(await drained(this.#socket))) return;
    }
    this.#response = undefined;
    await response.file.close();
    if (!response.keepAlive) this.#socket.end();
  }

  /** Begins the response to the next request, if there is a whole one. */
  async #next(): Promise<boolean> {
    if (this.#socket.destroyed || this.#socket.writableEnded) return false;
    const head = readHead(this.#requests);
    if (head.kind === 'more') return false;
    if (head.kind === 'bad') return this.#refuse(head.status);
    const { method, path, keepAlive, hasBody } = head.request;
    this.#requests = head.rest;
    if (hasBody) return this.#refuse(413);
    if (method !== 'GET' && method !== 'HEAD') return this.#refuse(405);
    const opened = path === undefined ? undefined : await this.#open(path);
    if (opened === undefined) return this.#refuse(404);
    this.#socket.write(responseHead(200, opened.size, keepAlive));
    const offset = method === 'HEAD' ? opened.size : 0;
    this.#response = { ...opened, offset, keepAlive };
    return true;
  }

  #refuse(status: number): false {
    const text = reasonOf(status);
    this.#socket.end(responseHead(status, text.length, false, 'text/plain') + text);
    return false;
  }

  async #open(path: string): Promise<Pick<Response, 'file' | 'path' | 'size'> | undefined> {
    try {
      const file = await open(join(this.#directory, path));
      const stat = await file.stat();
      if (stat.isFile()) return { file, path, size: stat.size };
      await file.close();
    } catch {
      // not there, or not for us to read
    }
    return undefined;
  }
}

/** True when there is room again, false when the socket is gone. */
function drained(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (room: boolean) => {
      socket.off('drain', onDrain);
      socket.off('close', onClose);
      resolve(room);
    };
    const onDrain = () => end(true);
    const onClose = () => end(false);
    socket.on('drain', onDrain).on('close', onClose);
  });
}

function fileStateOf(value: unknown): FileState | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { requests, response } = value as Partial<Record<keyof FileState, unknown>>;
  if (!(requests instanceof Uint8Array)) return undefined;
  if (response === null) return { requests, response };
  if (typeof response !== 'object') return undefined;
  const { path, offset, size, keepAlive } = response as Partial<Record<keyof Response, unknown>>;
  if (typeof path !== 'string' || typeof keepAlive !== 'boolean') return undefined;
  if (!isLength(offset) || !isLength(size) || offset > size || path.split('/').includes('..')) return undefined;
  return { requests, response: { path, offset, size, keepAlive } };
}

const isLength = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
