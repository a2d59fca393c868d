// The admin socket of a server node: a Unix socket that takes requests as JSON lines and answers each with one
// line. For the user who runs the node (and root) alone: the socket is in a directory of theirs with mode 0600.
//
//   -> {"request":"handoff","client":"2001:db8:c::1","to":"b"}
//   <- {"ok":true,"result":{...}}   or   {"ok":false,"error":"unknown node 'x': ..."}

import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { RUN_DIRECTORY } from '../lab/furnish.ts';

export type AdminFields = Readonly<Record<string, unknown>>;

/** Answers a request; what it throws goes to the one who asked, as the error's message. */
export type AdminHandler = (request: AdminFields) => Promise<AdminFields>;

const SUFFIX = '.sock';
/** A request is a short line; the answer of `status` may list many clients. */
const MAX_REQUEST = 4_096;
const MAX_ANSWER = 16 * 1024 * 1024;
const MAX_CALLERS = 64;

export const adminSocket = (name: string, directory = RUN_DIRECTORY): string => join(directory, name + SUFFIX);

/** Listens at `path`. A socket that nobody answers at any more is replaced, one that is alive is an error. */
export async function serveAdmin(path: string, handler: AdminHandler): Promise<Server> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (await isAlive(path)) throw new UserError(`${path}: a node with this admin socket is running already`);
  rmSync(path, { force: true });
  const server = createServer((socket) => answer(socket, handler));
  server.maxConnections = MAX_CALLERS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return server;
}

/** Sends one request and waits for its answer. */
export async function callAdmin(path: string, request: AdminFields, timeoutMs: number): Promise<AdminFields> {
  const socket = createConnection(path);
  try {
    const line = firstLine(socket, MAX_ANSWER);
    socket.write(`${JSON.stringify(request)}\n`);
    const answer = fieldsOf(await within(timeoutMs, line, path));
    if (answer.ok !== true) throw new UserError(String(answer.error ?? 'the node gave no reason'));
    return fieldsOf(answer.result);
  } catch (error) {
    throw absent(error) ? new UserError(`no server node is running at ${path}`) : error;
  } finally {
    socket.destroy();
  }
}

/** The admin sockets in a directory; none where there is no such directory. */
export function adminSockets(directory = RUN_DIRECTORY): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(SUFFIX))
      .sort()
      .map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function answer(socket: Socket, handler: AdminHandler): void {
  socket.on('error', () => socket.destroy());
  firstLine(socket, MAX_REQUEST)
    .then(async (line) => ({ ok: true, result: await handler(parse(line)) }))
    .catch((error: unknown) => ({ ok: false, error: error instanceof Error ? error.message : String(error) }))
    .then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
}

function parse(line: string): AdminFields {
  try {
    return fieldsOf(JSON.parse(line));
  } catch {
    throw new UserError('a request is one line of JSON');
  }
}

function firstLine(socket: Socket, bound: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(text.slice(0, end));
      else if (text.length > bound) reject(new UserError('the line is too long'));
    });
    socket.once('error', reject);
    socket.once('end', () => reject(new UserError('the connection ended before its line')));
  });
}

async function within(timeoutMs: number, line: Promise<string>, path: string): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new UserError(`the node at ${path} does not answer`)), timeoutMs);
  });
  try {
    return JSON.parse(await Promise.race([line, late]));
  } finally {
    clearTimeout(timer);
  }
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => resolve(true)).once('error', () => resolve(false));
    probe.once('close', () => probe.destroy()).once('connect', () => probe.destroy());
  });
}

const absent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED');

function fieldsOf(value: unknown): AdminFields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new UserError('an object is needed');
  return Object.fromEntries(Object.entries(value));
}
