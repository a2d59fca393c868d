// A connection as a stream.Duplex: octets, FIN and errors between Node's streams and the synchronous core
// (api.ts). Back-pressure runs through: what the application does not read stays in TCP's receive buffer and
// closes the window; what TCP does not take keeps the write waiting. What the core tells is handled in one
// place, a tick later, so that no application code runs inside the core and a burst of segments is one read.
// The last part holds a stream still, tells what has to travel and goes on with it on another node
// (DESIGN.md section 7, "App contract"). The fields and methods of net.Socket are in socket.ts.

import { AsyncResource } from 'node:async_hooks';
import { Duplex } from 'node:stream';
import type { Clock } from '../core/time.ts';
import type { Connection, ConnectionError, TcpState } from './api.ts';
import { type Carried, ReadTail, type SocketState, stateInTime, waitingWrites } from './socket-carried.ts';
import { closedBeforeConnection, codedError, connectionError, socketClosed, socketError } from './socket-error.ts';
import { type OnRead, UserBuffer } from './socket-onread.ts';
import { leaveOrphan } from './socket-orphan.ts';
import { type Done, Outbox } from './socket-outbox.ts';
import { soon } from './socket-turn.ts';

/** What one read takes from TCP at most. */
const READ_CHUNK = 64 * 1024;
/** How long a 'handoff' listener may take to give the state. */
export const SAVE_DEADLINE_MS = 2_000;

/** States in which the peer's FIN has arrived. */
const PEER_FINISHED: ReadonlySet<TcpState> = new Set(['CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT']);

export interface StreamOptions {
  /** Keep the writable side open when the peer has finished. Default false: end() is called by itself. */
  readonly allowHalfOpen?: boolean | undefined;
  /** Octets the stream buffers each way on top of TCP. Default: Node's. */
  readonly highWaterMark?: number | undefined;
  readonly readableHighWaterMark?: number | undefined;
  readonly writableHighWaterMark?: number | undefined;
  /** Octets go to this callback; there is no 'data'. */
  readonly onread?: OnRead | undefined;
  /** Do not read before resume() or a 'data' listener asks for it. */
  readonly pauseOnCreate?: boolean;
  /** The connection comes from another node with this; held until resumeHandoff(). */
  readonly carried?: Carried;
}

type WriteCallback = (error: Error | null | undefined) => void;

export class ConnectionStream extends Duplex {
  protected readonly clock: Clock;
  /** The connection. Undefined before it is opened, and where it could not be. */
  protected below: Connection | undefined;
  protected resetOnDestroy = false;
  #connecting = false;
  /** What is written goes to TCP before there is a connection: a Fast Open puts it into the SYN. */
  #writesEarly = false;

  /** What net's handle is for async_hooks: an AsyncLocalStorage has the same store in all events of a socket. */
  readonly #context = new AsyncResource('HomeportSocket');
  readonly #look = (): void => {
    this.#scheduled = false;
    this.#context.runInAsyncScope(this.#settle, this);
  };

  // What the core has told and the next tick handles.
  #scheduled = false;
  #connected = false;
  #peerFinished = false;
  #closed: { readonly error: ConnectionError | undefined } | undefined;

  #wantsData = false;
  #pulling = false;
  #endPushed = false;
  #tail = new ReadTail();
  readonly #userBuffer: UserBuffer | undefined;

  readonly #outbox = new Outbox();
  #final: Done | undefined;

  /** Octets of the last writes that the application has taken back for its handoff. */
  #withdrawn = 0;
  #moving: 'no' | 'held' | 'gone' = 'no';

  /** With a connection from elsewhere; without one it is a socket that has yet to connect. */
  constructor(clock: Clock, options: StreamOptions, connection?: Connection) {
    const { highWaterMark, readableHighWaterMark, writableHighWaterMark } = options;
    super({
      allowHalfOpen: options.allowHalfOpen ?? false,
      emitClose: false, // 'close' comes with an argument here, as net.Socket has it
      ...(highWaterMark === undefined ? {} : { highWaterMark }),
      ...(readableHighWaterMark === undefined ? {} : { readableHighWaterMark }),
      ...(writableHighWaterMark === undefined ? {} : { writableHighWaterMark }),
    });
    this.clock = clock;
    this.#userBuffer = options.onread && new UserBuffer(options.onread);
    if (connection !== undefined) this.attach(connection);
  }

  /** To be called at the end of construction: takes over what was carried, or begins to read. */
  protected begin(options: StreamOptions): void {
    if (options.carried !== undefined) this.#restore(options.carried);
    else if (options.pauseOnCreate === true) this.pause();
    else if (this.below !== undefined) this.read(0);
  }

  /** A connection is to be opened: for the first time, or anew after the end of the last. */
  protected beginConnecting(fastOpen: boolean): void {
    if (this.destroyed) this.#beginAnew();
    this.#connecting = true;
    this.#writesEarly = fastOpen;
  }

  /** What is told from here on comes from this connection. */
  protected attach(connection: Connection): void {
    this.below = connection;
    this.#peerFinished = PEER_FINISHED.has(connection.state);
    connection.events = {
      connected: () => {
        this.#connected = this.#connecting;
        this.#schedule();
      },
      readable: () => this.#schedule(),
      writable: () => this.#schedule(),
      peerFinished: () => {
        this.#peerFinished = true;
        this.#schedule();
      },
      closed: (_now, error) => {
        this.#closed = { error };
        this.#schedule();
      },
    };
    if (this.#writesEarly) this.#flush();
  }

  /** The connection could not be made. */
  protected connectFailed(error: ConnectionError): void {
    this.destroy(connectionError(error, 'connect'));
  }

  get connecting(): boolean {
    return this.#connecting && !this.destroyed;
  }

  /** Octets given to TCP and those still waiting in this stream, since the connection began. */
  get bytesWritten(): number {
    return (this.below?.bytesWritten ?? 0) + this.writableLength - this.#outbox.taken;
  }

  /** The connection has moved to another node: this stream ended without a word to the peer. */
  get handedOff(): boolean {
    return this.#moving === 'gone';
  }

  /** Octets went to or came from TCP. */
  protected onActivity(): void {}

  // --- what Node asks -------------------------------------------------------------------------------------

  /** Gives nothing while a handoff holds the stream, in flowing mode too: without it there is no 'data' event. */
  override read(size?: number): unknown {
    if (this.#userBuffer !== undefined) this.#readOn();
    return this.#moving === 'no' ? super.read(size) : null;
  }

  override resume(): this {
    if (this.#userBuffer !== undefined) this.#readOn();
    return super.resume();
  }

  override pause(): this {
    if (this.#userBuffer !== undefined) this.#wantsData = false;
    return super.pause();
  }

  /** As net.Socket: a write after the peer has finished, and end() was implied, is EPIPE. */
  override write(chunk: unknown, encoding?: BufferEncoding | WriteCallback, callback?: WriteCallback): boolean {
    if (this.readableEnded && this.writableEnded && !this.allowHalfOpen) {
      const error = codedError('This socket has been ended by the other party', 'EPIPE');
      const told = typeof encoding === 'function' ? encoding : callback;
      if (told !== undefined) process.nextTick(told, error);
      this.destroy(error);
      return false;
    }
    if (typeof encoding === 'function') return super.write(chunk, encoding);
    return encoding === undefined ? super.write(chunk, callback) : super.write(chunk, encoding, callback);
  }

  override _read(): void {
    this.#wantsData = true;
    this.#pull();
    if (this.#closed?.error !== undefined) this.#schedule();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    if (this.below === undefined && !this.#connecting) return done(socketClosed());
    this.#outbox.add(chunk, done);
    this.#flush();
  }

  /** What was corked, or has queued up, goes to TCP as one write. */
  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'utf8', done);
  }

  override _final(done: Done): void {
    this.#final = done;
    this.#flush();
  }

  override _destroy(error: Error | null, done: Done): void {
    if (this.below !== undefined) this.below.events = {};
    if (this.#moving === 'no') this.#leave();
    if (this.#moving !== 'gone') this.#outbox.fail(this.#connecting ? closedBeforeConnection() : error);
    done(error);
    process.nextTick(() => this.emit('close', error !== null));
  }

  // --- between stream and core ----------------------------------------------------------------------------

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    soon(this.#look);
  }

  /** Brings the stream up to date with whatever the core has told. */
  #settle(): void {
    if (this.#moving !== 'no' || this.destroyed) return;
    if (this.#connected) this.#onConnected();
    this.#flush();
    this.#pull();
    this.#tellError();
  }

  #onConnected(): void {
    this.#connected = false;
    this.#connecting = false;
    this.onActivity();
    this.emit('connect');
    this.emit('ready');
    if (!this.destroyed && !this.isPaused()) this.read(0);
  }

  /** What has arrived before a RST is read first; a reset after the peer's end is for the next write to find. */
  #tellError(): void {
    const error = this.#closed?.error;
    if (error === undefined || this.destroyed) return;
    if (this.#outbox.isEmpty && (this.#isResetAfterEnd || (this.below?.readableBytes ?? 0) > 0)) return;
    this.#onError(error);
  }

  get #isResetAfterEnd(): boolean {
    return this.#closed?.error === 'reset' && this.#endPushed;
  }

  #onError(error: ConnectionError): void {
    if (this.#isResetAfterEnd) {
      this.destroy(socketError('EPIPE', 'write'));
      return;
    }
    if (this.#connecting) this.connectFailed(error);
    else this.destroy(connectionError(error, 'read'));
  }

  /** Moves octets from TCP's receive buffer into the stream for as long as the stream wants them. */
  #pull(): void {
    const { below: connection } = this;
    if (connection === undefined || this.#connecting || this.#pulling) return; // no 'data' before 'connect'
    this.#pulling = true;
    try {
      this.#pullData(connection);
    } catch (error) {
      this.#schedule(); // a listener threw: whoever catches that finds the next octets where they were
      throw error;
    } finally {
      this.#pulling = false;
    }
    this.#pullEnd(connection);
  }

  #pullData(connection: Connection): void {
    while (this.#wantsData && this.#moving === 'no' && !this.destroyed) {
      const chunk = connection.read(this.clock.now(), this.#userBuffer?.size ?? READ_CHUNK);
      if (chunk === undefined) break;
      this.onActivity();
      // Pushing may ask for more from inside: what it leaves behind counts only when it says no.
      if (!(this.#userBuffer?.take(chunk) ?? this.#pushData(chunk))) this.#wantsData = false;
    }
  }

  #pullEnd(connection: Connection): void {
    const ended = this.#peerFinished || (this.#closed !== undefined && this.#closed.error === undefined);
    if (!ended || this.#endPushed || connection.readableBytes > 0) return;
    if (this.#moving !== 'no' || this.destroyed) return;
    this.#endPushed = true;
    this.push(null);
    if (this.readableLength === 0) this.read(0); // 'end' comes even where nobody reads
  }

  /** With a buffer of the application's, the stream does not know that there is anything to ask for. */
  #readOn(): void {
    if (this.#wantsData) return;
    this.#wantsData = true;
    this.#schedule();
  }

  #pushData(chunk: Uint8Array): boolean {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#tail.push(buffer, this.readableLength);
    return this.push(buffer);
  }

  /** Moves octets from the stream into TCP's send buffer, and the FIN behind the last of them. */
  #flush(): void {
    const { below: connection } = this;
    if (connection === undefined || this.#moving !== 'no') return;
    if (this.#connecting && !this.#writesEarly) return;
    if (this.#closed !== undefined) {
      if (this.#closed.error === undefined) this.#outbox.fail(socketError('EPIPE', 'write'));
      else if (!this.#outbox.isEmpty) this.#schedule(); // there is an error to tell
    } else if (this.#outbox.flush((bytes) => connection.write(this.clock.now(), bytes)) > 0) {
      this.onActivity();
    }
    if (this.#final === undefined || !this.#outbox.isEmpty || this.#connecting) return;
    const done = this.#final;
    this.#final = undefined;
    connection.shutdown(this.clock.now());
    process.nextTick(done); // as with net.Socket, a write after the end still comes before the 'finish'
  }

  /** Forgets the last connection, as net.Socket does in connect() after its 'close'. */
  #beginAnew(): void {
    undestroy(this);
    this.below = undefined;
    this.resetOnDestroy = false;
    this.#connected = false;
    this.#closed = undefined;
    this.#wantsData = false;
    this.#endPushed = false;
    this.#tail = new ReadTail();
    this.#final = undefined;
    this.#moving = 'no';
  }

  /** The application is through with the connection. */
  #leave(): void {
    if (this.below === undefined || this.#closed !== undefined) return;
    leaveOrphan(this.clock, this.below, this.below.state === 'SYN-SENT' || this.resetOnDestroy);
  }

  // --- moving to another node -----------------------------------------------------------------------------

  /** Donor, first step: no 'data' event, no octet to or from TCP from now on. Undone by resumeHandoff(). */
  holdForHandoff(): void {
    if (this.#moving === 'no') this.#moving = 'held';
  }

  /**
   * Donor: what has to travel. Callbacks of finished writes come first, then the 'handoff' listener is asked for
   * the application's state. The stream's part is taken as soon as the listener returns: a Promise
   * from it must speak of the octets written and read when it was called. Rejects with a reason when the
   * socket cannot move; nothing is changed by it.
   */
  async saveForHandoff(deadlineMs = SAVE_DEADLINE_MS): Promise<SocketState> {
    await new Promise((resolve) => setImmediate(resolve));
    const [save] = this.listeners('handoff').slice(-1);
    if (this.destroyed) throw new Error('the socket is closed');
    if (save === undefined) throw new Error("the application has no 'handoff' listener");
    this.#withdrawn = 0;
    const app: unknown = save.call(this);
    const carried = this.#carried();
    return { ...carried, app: await stateInTime(app, deadlineMs) };
  }

  /**
   * Donor, from inside the 'handoff' listener: takes back the octets written last, as far as TCP has not taken them,
   * `max` at the most, and returns their number. They do not travel: the application writes them again on the
   * acceptor. For what is there as well, like the content of a file: the handoff waits for all that travels.
   */
  withdrawPending(max: number): number {
    const pending = this.#outbox.length + waitingWrites(this).reduce((sum, { chunk }) => sum + chunk.length, 0);
    this.#withdrawn = Math.min(max, pending);
    return this.#withdrawn;
  }

  /** Goes on: the donor as if nothing had happened, the acceptor with what was carried. 'stay' tells the application. */
  resumeHandoff(): void {
    if (this.#moving !== 'held') return;
    this.#moving = 'no';
    if (this.destroyed) return this.#leave();
    this.emit('stay');
    this.#flush();
    process.nextTick(() => this.#reawaken());
  }

  /** Lets go of the connection, which is another node's: 'close' without error, without a word to the peer. */
  finishHandoff(): void {
    if (this.#moving === 'gone') return;
    this.#moving = 'gone';
    for (const write of waitingWrites(this)) write.callback = () => {};
    this.destroy();
  }

  #carried(): Carried {
    if (this.readableEncoding !== null) throw new Error('the application reads text (setEncoding), not octets');
    const pendingRead = this.#tail.last(this.readableLength);
    if (pendingRead === undefined) throw new Error('the application has put back octets (unshift)');
    const waiting = waitingWrites(this).map(({ chunk }) => chunk);
    const pending = Buffer.concat([this.#outbox.rest(), ...waiting]);
    return {
      pendingRead,
      pendingWrite: pending.subarray(0, pending.length - this.#withdrawn),
      writeEnded: this.writableEnded,
    };
  }

  #restore(carried: Carried): void {
    this.#moving = 'held';
    if (carried.pendingWrite.length > 0) this.#outbox.add(carried.pendingWrite, () => {});
    if (carried.pendingRead.length > 0) this.#pushData(carried.pendingRead);
    if (carried.writeEnded) this.end();
  }

  /** Brings the reader back to life, in whichever way it reads. */
  #reawaken(): void {
    if (this.#moving !== 'no' || this.destroyed) return;
    while (this.readableFlowing === true && this.read() !== null);
    if (this.listenerCount('readable') > 0) this.emit('readable');
    if (!this.isPaused()) this.read(0);
    this.#settle();
  }
}

/** Duplex._undestroy(): not in Node's manual, but what net.Socket itself connects again with. */
const undestroy = (stream: Duplex): void => (stream as Duplex & { _undestroy(): void })._undestroy();
