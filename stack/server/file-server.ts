// Serves a directory over HTTP/1.1: GET and HEAD, single ranges, keep-alive and pipelining, entity tags. Its
// connections move between members in the middle of a response (DESIGN.md section 7, "App contract"): the
// other member opens its own copy of the file, makes sure that it is the same, and goes on at the next octet.

import type { Socket } from '../tcp/socket.ts';
import type { SocketHome } from '../tcp/socket-connect.ts';
import { Server } from '../tcp/socket-server.ts';
import { FILE_CHUNK, type Response, reopen } from './file-response.ts';
import { type Answered, FileSession, type SessionOptions } from './file-session.ts';
import { fileStateOf } from './file-state.ts';
import { FileStore } from './file-store.ts';
import { removeAbandoned, Upload, type UploadState } from './file-upload.ts';

export interface FileServerOptions {
  readonly directory: string;
  /** PUT stores files. Default false. */
  readonly writable?: boolean;
  /** Told of each response when its head is written. */
  readonly answered?: (answer: Answered) => void;
}

export class FileServer {
  readonly #o: SessionOptions;

  private constructor(options: SessionOptions) {
    this.#o = options;
  }

  /** Throws an Error that names the directory when there is none. */
  static async open(options: FileServerOptions): Promise<FileServer> {
    const { directory, writable = false, answered } = options;
    const store = await FileStore.open(directory);
    if (writable) await removeAbandoned(store.root, Date.now());
    return new FileServer({
      store,
      answered,
      uploads: writable ? { open: 0 } : undefined,
    });
  }

  /** Hashes the files ahead of time: a handoff then has no need to wait for it. */
  warm(): Promise<void> {
    return this.#o.store.warm();
  }

  /** The app for a port: call listen() on it, or give it to a member's serve(). */
  server(home: SocketHome): Server {
    const restore = (socket: Socket, state: unknown) => this.restore(socket, state);
    // Half open: a client may end its side behind the last request and still wait for the response.
    return new Server(home, { allowHalfOpen: true, noDelay: true, restore }, (socket) => this.serve(socket));
  }

  /** A new connection. */
  serve(socket: Socket): void {
    new FileSession(socket, this.#o).start();
  }

  /** A connection that comes from another member with its state. A text says why it cannot go on here. */
  async restore(socket: Socket, value: unknown): Promise<string | undefined> {
    const state = fileStateOf(value);
    if (state === undefined) return 'not the state of a file server of this version';
    const response = state.response && (await reopen(this.#o.store, state.response));
    if (typeof response === 'string') return response;
    // The first octets are in the socket before it wakes up, so that they travel with its first segment.
    const first = response && (await readFirst(response));
    if (typeof first === 'string') return first;
    const upload = state.upload && (await this.#uploadOf(state.upload));
    if (typeof upload === 'string') return upload;
    if (socket.destroyed) {
      await response?.file.close();
      await upload?.close();
      return 'the client was given back meanwhile';
    }
    if (response !== undefined && first !== undefined && first.length > 0) {
      response.offset += first.length;
      socket.write(first);
    }
    new FileSession(socket, this.#o).start({ leftover: state.leftover, finished: state.finished, response, upload });
    return undefined;
  }

  #uploadOf(state: UploadState): Promise<Upload | string> | string {
    if (this.#o.uploads === undefined) return 'files are not stored here: --writable is missing';
    return Upload.reopen(this.#o.store.root, state);
  }
}

/** The octets a response goes on with; a text says why there are none, and the file is closed. */
async function readFirst({ file, offset, end }: Response): Promise<Uint8Array | string> {
  try {
    return offset < end ? await file.read(offset, Math.min(FILE_CHUNK, end - offset)) : new Uint8Array(0);
  } catch (error) {
    await file.close();
    return `'${file.path}' cannot be read here: ${error instanceof Error ? error.message : String(error)}`;
  }
}
