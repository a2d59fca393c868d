// Runs the lines of a script: segments (exchange.ts), calls of the application, time, and what is asked of the state
// and of the figures. Time passes as the script says and no further.

import type { Connection, Listener } from '../../../stack/tcp/api.ts';
import { seq, seqAdd } from '../../../stack/wire/seq.ts';
import { OURS } from '../scripted-peer.ts';
import { A, App, B, expectOpen, PORT, type TestHost } from '../support.ts';
import { Exchange, Mismatch } from './exchange.ts';
import type { AppOptions, Command, Figure, Given, Line } from './notation.ts';
import { SnapshotJudge } from './snapshot-holds.ts';
import { firstWrongOctet, streamText } from './stream-text.ts';

export class Runner {
  readonly exchange: Exchange;
  readonly #host: TestHost;
  #app: App | undefined;
  /** Events that the script has asked for. */
  #told = 0;
  #listener: Listener | undefined;
  readonly #judge = new SnapshotJudge();

  constructor(given: Given) {
    this.exchange = new Exchange(given);
    this.#host = this.exchange.peer.host;
  }

  run(line: Line): void {
    const { command, wait } = line;
    if (command.kind === 'out') {
      this.exchange.expect(command.segment, wait, line.tolerance);
    } else {
      this.exchange.pass(wait);
      if (command.kind === 'in') this.exchange.send(command.segment);
      else this.#do(command);
      this.exchange.peer.world.run(this.#now); // events are told
    }
  }

  /** A connection can be given away whatever state it is in. */
  mayBeGivenAway(): void {
    const connection = this.#find();
    const wrong = connection && this.#judge.judge(connection, this.#now);
    if (wrong !== undefined) throw new Mismatch(`the connection could not be given away here: ${wrong}`);
  }

  get #now(): Parameters<Connection['shutdown']>[0] {
    return this.exchange.peer.world.now;
  }

  #do(command: Exclude<Command, { kind: 'in' | 'out' }>): void {
    switch (command.kind) {
      case 'given':
        throw new Mismatch('what is given comes first');
      case 'connect':
        this.#connect(command.options, command.fails);
        if (command.writing > 0) this.#write(command.writing, command.writing);
        break;
      case 'listen':
        this.#listen(command.options, command.backlog);
        break;
      case 'unlisten':
        this.#listener?.close(this.#now);
        this.#listener = undefined;
        break;
      case 'write':
        this.#write(command.length, command.takes);
        break;
      case 'read':
        this.#read(command.length);
        break;
      case 'shutdown':
      case 'abort':
        this.#connection[command.kind](this.#now);
        break;
      case 'set':
        this.#connection.setOptions(this.#now, command.options);
        break;
      case 'icmp':
        this.#icmp(command);
        break;
      case 'path':
        this.#host.ipv6.changePath({ mtu: command.mtu });
        break;
      case 'state':
        same('state', command.state, this.#state());
        break;
      case 'told':
        same('told', command.events.join(' ') || 'nothing', this.#takeTold().join(' ') || 'nothing');
        break;
      case 'forget-told':
        this.#takeTold();
        break;
      case 'expect':
        for (const [figure, value] of command.figures) this.#figure(figure, value);
        break;
      case 'new-iss':
        this.exchange.peer.iss = seqAdd(this.exchange.peer.iss, command.by);
        this.exchange.peer.nxt = 0;
        break;
      case 'nothing':
        break;
      default:
        command satisfies never;
    }
  }

  #connect(options: AppOptions, fails: string | undefined): void {
    const opened = this.#host.tcp.connect(this.#now, {
      remote: { address: B, port: PORT },
      localPort: OURS,
      ...options,
    });
    if (fails !== undefined) same('connect', fails, typeof opened === 'string' ? opened : 'is opened');
    else this.#adopt(expectOpen(opened));
  }

  #listen(options: AppOptions, backlog: number | undefined): void {
    const all = { port: OURS, ...options, ...(backlog === undefined ? {} : { backlog }) };
    this.#listener = expectOpen(this.#host.tcp.listen(all, (_now, connection) => this.#adopt(connection)));
  }

  /** An application that does nothing unless the script says so. */
  #adopt(connection: Connection): void {
    this.#app = new App(this.exchange.peer.world, connection);
    this.#app.autoRead = false;
    this.#app.autoShutdown = false;
    this.#told = 0;
  }

  #write(length: number, takes: number): void {
    const connection = this.#connection;
    const text = streamText('us', connection.bytesWritten, length);
    same('octets taken', takes, connection.write(this.#now, text));
  }

  #read(length: number): void {
    const connection = this.#connection;
    const from = connection.bytesRead;
    let got = 0;
    for (let left = length === 0 ? 1 : length; left > 0; left = length - got) {
      const bytes = connection.read(this.#now, left);
      if (bytes === undefined) break;
      const wrong = firstWrongOctet('peer', from + got, bytes);
      if (wrong !== undefined) throw new Mismatch(`octet ${wrong} of the stream is not the one that was sent`);
      got += bytes.length;
    }
    same('octets read', length, got);
  }

  /** The connection with the peer: in the table, or the one that the application holds. */
  #find(): Connection | undefined {
    for (const connection of this.#host.tcp.connections()) if (connection.remote.port === PORT) return connection;
    return this.#app?.connection;
  }

  get #connection(): Connection {
    const connection = this.#find();
    if (connection === undefined) throw new Mismatch('there is no connection');
    return connection;
  }

  #state(): string {
    return this.#find()?.state ?? (this.#listener === undefined ? 'CLOSED' : 'LISTEN');
  }

  #takeTold(): string[] {
    const told = this.#app?.told.slice(this.#told) ?? [];
    this.#told += told.length;
    return told;
  }

  #figure(figure: Figure, value: number): void {
    same(figure, value, Math.round(this.#connection.info[figure] ?? Number.NaN));
  }

  #icmp({ error, code, mtu, seq: at }: Extract<Command, { kind: 'icmp' }>): void {
    const quoted = new Uint8Array(8);
    const view = new DataView(quoted.buffer);
    view.setUint16(0, OURS);
    view.setUint16(2, PORT);
    view.setUint32(4, seqAdd(this.exchange.peer.ours ?? seq(0), at + 1));
    const { ipv6 } = this.#host;
    if (mtu > 0) ipv6.pathOverride = { ...ipv6.pathOverride, mtu }; // IPv6 has taken note of it before
    this.exchange.note(`icmp ${error} code ${code} seq ${at}`);
    ipv6.icmp({ kind: error, code, parameter: mtu, local: A, remote: B, quoted });
  }
}

function same(what: string, expected: unknown, came: unknown): void {
  if (expected !== came) throw new Mismatch(`${what}: expected ${expected}, is ${came}`);
}
