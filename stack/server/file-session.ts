// One connection of the file server: requests in their order, each answered whole before the next. The file is read
// one chunk ahead of what the socket takes, never more, and requests are read no further than one head ahead; of a file
// that the client sends, no more than one piece while the last is being written. All that is needed to go on elsewhere is
// in save(); start() goes on from there.

import type { Socket } from '../tcp/socket.ts';
import { type Response, readAhead } from './file-response.ts';
import type { FileState } from './file-state.ts';
import type { FileStore, OpenFile } from './file-store.ts';
import { type NotWritable, type Stored, Upload } from './file-upload.ts';
import { ifNoneMatchHolds, ifRangeHolds, parseRange } from './http-range.ts';
import { MAX_HEAD, parseRequestHead, pathOfTarget, type RequestHead } from './http-request.ts';
import { CONTINUE, contentTypeOf, type Fields, plainResponse, responseHead, type Status } from './http-response.ts';
import { lengthOf, problemOf, refusalOf } from './put-request.ts';

/** A connection on which nothing moves for so long is closed. */
const IDLE_MS = 120_000;

export interface Answered {
  readonly client: string;
  readonly method: string;
  readonly target: string;
  readonly status: Status;
}

export interface SessionOptions {
  readonly store: FileStore;
  readonly answered?: ((answer: Answered) => void) | undefined;
  /** PUT stores files; undefined: it is not served. Counts the uploads under way of all sessions. */
  readonly uploads?: UploadCount | undefined;
}

export interface UploadCount {
  open: number;
}

/** Each holds a file open. */
const MAX_UPLOADS = 256;
const BUSY: NotWritable = { status: 503, reason: 'too many files are being stored' };

export class FileSession {
  readonly #socket: Socket;
  readonly #o: SessionOptions;
  /** Octets of requests not answered yet: at most one head, and what the last 'data' event brought. */
  #input: Uint8Array = Buffer.alloc(0);
  #inputEnded = false;
  #response: Response | undefined;
  #upload: Upload | undefined;
  #finished = false;
  #running = false;
  /** Something has come while the loop was running. */
  #again = false;
  /** The state has been given away: nothing goes on here unless the connection stays. */
  #saved = false;
  /** What is being done to the upload. */
  #step: Promise<void> = Promise.resolve();

  constructor(socket: Socket, options: SessionOptions) {
    this.#socket = socket;
    this.#o = options;
    socket.on('error', () => {}); // the socket closes by itself; there is nobody to tell
    socket.on('close', () => this.#leave());
    socket.on('handoff', () => this.#save());
    socket.on('stay', () => {
      this.#saved = false;
      this.#go();
    });
    socket.setTimeout(IDLE_MS, () => socket.destroy());
  }

  /** Begins, or goes on from where the session was on another node. */
  start(from?: {
    readonly leftover: Uint8Array;
    readonly finished: boolean;
    readonly response: Response | undefined;
    readonly upload: Upload | undefined;
  }): void {
    if (from !== undefined) {
      this.#input = from.leftover;
      this.#finished = from.finished;
      this.#response = from.response;
      this.#upload = from.upload;
      // Not a step before the connection is ours for good: the donor may have to go on with it.
      this.#saved = from.upload !== undefined;
      if (from.upload !== undefined && this.#o.uploads !== undefined) this.#o.uploads.open += 1;
    }
    this.#socket.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    this.#socket.on('end', () => {
      this.#inputEnded = true;
      this.#go();
    });
    this.#go();
  }

  #onData(chunk: Uint8Array): void {
    if (this.#finished) return;
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    if (this.#input.length > MAX_HEAD) this.#socket.pause();
    this.#go();
  }

  /** Has the loop run; one that is running, and may be about to end, runs once more. */
  #go(): void {
    if (this.#running) this.#again = true;
    else void this.#run();
  }

  /** Answers for as long as there is a whole request. Between finding none and the end of the loop nothing waits. */
  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (!this.#finished && !this.#socket.destroyed && !this.#saved) {
        if (this.#response !== undefined) {
          await this.#writeBody(this.#response);
          continue;
        }
        if (this.#upload !== undefined) {
          if (!(await this.#readBody(this.#upload))) break;
          continue;
        }
        const result = parseRequestHead(this.#input);
        if (result.kind === 'incomplete') break;
        if (result.kind === 'refused') this.#refuse(result.status, result.reason, undefined);
        else await this.#respond(result.request, result.end);
      }
      if (this.#inputEnded && !this.#finished && !this.#socket.destroyed && !this.#saved) {
        this.#closeUpload(true); // the rest of it will not come
        this.#finish();
      }
      if (this.#socket.isPaused()) this.#socket.resume();
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#running = false;
    }
    if (!this.#again || this.#socket.destroyed) return;
    this.#again = false;
    this.#go();
  }

  /** Answers the request that takes the first `end` octets of the input. */
  async #respond(request: RequestHead, end: number): Promise<void> {
    if (request.method === 'PUT' && this.#o.uploads !== undefined) return this.#put(request, end, this.#o.uploads);
    const path = pathOfTarget(request.target);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const file = isRead && !request.hasBody && path !== undefined ? await this.#o.store.openFile(path) : undefined;
    // From here to the end of the method nothing waits: a handoff sees the request either unread or answered.
    if (this.#socket.destroyed) return file?.close();
    this.#input = this.#input.subarray(end);
    const allowed = this.#o.uploads === undefined ? 'GET, HEAD' : 'GET, HEAD, PUT';
    if (!isRead) this.#refuse(405, `${request.method} is not served`, request, { Allow: allowed });
    else if (request.hasBody) this.#refuse(400, `${request.method} takes no body`, request);
    else if (file === undefined) this.#refuse(404, 'no such file', request);
    else this.#answer(request, file);
  }

  /** RFC 9110 9.3.4. */
  async #put(request: RequestHead, end: number, uploads: UploadCount): Promise<void> {
    const path = pathOfTarget(request.target);
    const length = lengthOf(request);
    const refusal = refusalOf(request, path, length) ?? (uploads.open >= MAX_UPLOADS ? BUSY : undefined);
    const begun =
      refusal ?? (await Upload.begin(this.#o.store.root, path ?? '', length ?? 0, request.keepAlive).catch(problemOf));
    // A handoff in the meantime has taken the request along, unread.
    if (this.#socket.destroyed || this.#saved) return begun instanceof Upload ? begun.discard() : undefined;
    this.#input = this.#input.subarray(end);
    if (!(begun instanceof Upload)) return this.#refuse(begun.status, begun.reason, request);
    uploads.open += 1;
    this.#upload = begun;
    // RFC 9110 10.1.1: not where the body is there already, and never to HTTP/1.0.
    const waits = request.fields.has('expect') && request.minorVersion === 1;
    if (waits && this.#input.length === 0 && begun.length > 0) this.#socket.write(CONTINUE);
  }

  /** Takes what there is of the body. false: more has to come first. */
  async #readBody(upload: Upload): Promise<boolean> {
    const chunk = this.#input.subarray(0, upload.length - upload.offset);
    if (chunk.length === 0 && upload.offset < upload.length) return false;
    const work = async (): Promise<void> => {
      await upload.write(chunk);
      // Not before: a handoff in the meantime finds the octets still here.
      this.#input = this.#input.subarray(chunk.length);
      if (upload.offset === upload.length && upload.stored === null && !this.#saved) await upload.store();
    };
    const failed = await this.#during(work());
    if (this.#socket.destroyed || this.#saved) return false;
    if (failed !== undefined) this.#abandon(failed);
    else if (upload.stored !== null) this.#accepted(upload, upload.stored);
    else if (this.#socket.isPaused()) this.#socket.resume();
    return true;
  }

  async #during(work: Promise<void>): Promise<NotWritable | undefined> {
    const outcome = work.then(() => undefined, problemOf);
    this.#step = outcome.then(() => {});
    return outcome;
  }

  #accepted(upload: Upload, stored: Stored): void {
    this.#closeUpload(false);
    const status = stored === 'created' ? 201 : 204;
    this.#tell({ method: 'PUT', target: `/${upload.path}` }, status);
    const length: Fields = status === 201 ? { 'Content-Length': 0 } : {};
    this.#socket.write(responseHead(status, length, upload.keepAlive, new Date()));
    if (!upload.keepAlive) this.#finish();
  }

  /** The rest of the body is not read: the connection ends with the answer. */
  #abandon({ status, reason }: NotWritable): void {
    this.#tell({ method: 'PUT', target: `/${this.#upload?.path ?? ''}` }, status);
    this.#closeUpload(true);
    this.#socket.write(plainResponse(status, reason, false, new Date()));
    this.#finish();
  }

  #closeUpload(discard: boolean): void {
    const upload = this.#upload;
    if (upload === undefined) return;
    this.#upload = undefined;
    if (this.#o.uploads !== undefined) this.#o.uploads.open -= 1;
    void (discard ? upload.discard() : upload.close()).catch(() => {});
  }

  /** The connection is gone: an upload that was not given to another node will never be whole. */
  #leave(): void {
    this.#closeFile();
    const { upload, saved } = { upload: this.#upload, saved: this.#saved };
    if (upload !== undefined) void this.#step.then(() => this.#closeUpload(!saved));
  }

  #answer(request: RequestHead, file: OpenFile): void {
    const { fields, keepAlive } = request;
    const [tag] = file.tags;
    const respond = (status: Status, start: number, end: number, more: Fields) => {
      this.#tell(request, status);
      this.#socket.write(responseHead(status, { ETag: tag, 'Accept-Ranges': 'bytes', ...more }, keepAlive, new Date()));
      const from = request.method === 'HEAD' ? end : start;
      this.#response = { file, start: from, offset: from, end, keepAlive };
    };
    if (!ifNoneMatchHolds(fields.get('if-none-match'), file.tags)) return respond(304, 0, 0, {});
    const asked = ifRangeHolds(fields.get('if-range'), file.tags) ? fields.get('range') : undefined;
    // RFC 9110 14.2: a Range field has a meaning with GET only.
    const range = parseRange(request.method === 'GET' ? asked : undefined, file.size);
    if (range === 'unsatisfiable') {
      void file.close();
      return this.#refuse(416, 'beyond the end of the file', request, { 'Content-Range': `bytes */${file.size}` });
    }
    const type = { 'Content-Type': contentTypeOf(file.path) };
    if (range === 'whole') return respond(200, 0, file.size, { ...type, 'Content-Length': file.size });
    respond(206, range.start, range.end, {
      ...type,
      'Content-Length': range.end - range.start,
      'Content-Range': `bytes ${range.start}-${range.end - 1}/${file.size}`,
    });
  }

  /** Answers with an error. The connection goes on only where it is sure where the next request begins. */
  #refuse(status: Status, reason: string, request: RequestHead | undefined, more: Fields = {}): void {
    this.#tell(request, status);
    const keepAlive = request?.keepAlive === true && !request.hasBody;
    const whole = plainResponse(status, reason, keepAlive, new Date(), more);
    const isHead = request?.method === 'HEAD';
    this.#socket.write(isHead ? whole.subarray(0, Buffer.from(whole).indexOf('\r\n\r\n') + 4) : whole);
    if (!keepAlive) this.#finish();
  }

  async #writeBody(response: Response): Promise<void> {
    const { file, end } = response;
    let next = readAhead(file, response.offset, end);
    while (response.offset < end) {
      const chunk = await next;
      if (chunk.length === 0) throw new Error(`'${file.path}' has become shorter`);
      if (this.#socket.destroyed) return;
      next = readAhead(file, response.offset + chunk.length, end);
      if (this.#socket.writableNeedDrain) await drained(this.#socket);
      if (this.#socket.destroyed) return;
      response.offset += chunk.length;
      this.#socket.write(chunk);
    }
    this.#closeFile();
    if (!response.keepAlive) this.#finish();
  }

  /** No more responses. */
  #finish(): void {
    this.#finished = true;
    this.#input = Buffer.alloc(0);
    this.#socket.end();
    this.#socket.resume(); // what still comes is of no interest
  }

  #closeFile(): void {
    void this.#response?.file.close().catch(() => {});
    this.#response = undefined;
  }

  #tell(request: Pick<RequestHead, 'method' | 'target'> | undefined, status: Status): void {
    const client = `[${this.#socket.remoteAddress}]:${this.#socket.remotePort}`;
    this.#o.answered?.({ client, method: request?.method ?? '', target: request?.target ?? '', status });
  }

  #stateOfInput(): FileState {
    const leftover = this.#input.slice();
    return { version: 1, leftover, finished: this.#finished, response: undefined, upload: undefined };
  }

  /** The state at the last octet written and read. It is taken before anything waits, but for an upload's. */
  #save(): FileState | Promise<FileState> {
    this.#saved = true;
    const upload = this.#upload;
    if (upload !== undefined) {
      // What is being written is waited for; then nothing of the upload is anywhere but in its file and in the input.
      const stateOf = (): FileState => ({ ...this.#stateOfInput(), upload: upload.state });
      return this.#step.then(stateOf);
    }
    const state = this.#stateOfInput();
    if (this.#response === undefined) return state;
    const { file, start, end, keepAlive } = this.#response;
    // What TCP has not taken of the body is in the acceptor's copy of the file too.
    const offset = this.#response.offset - this.#socket.withdrawPending(this.#response.offset - start);
    const position = { path: file.path, size: file.size, offset, end, keepAlive };
    return file.sha256().then((sha256): FileState => ({ ...state, response: { ...position, sha256 } }));
  }
}

/** Until the socket takes more, or has gone. */
const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
