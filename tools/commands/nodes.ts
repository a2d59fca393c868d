// The server nodes that a command can speak to: those with an admin socket on this machine, or in this user's lab.

import { existsSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { RUN_DIRECTORY, VARIABLE } from '../lab/furnish.ts';
import { rootOf, runningLab } from '../lab/state.ts';
import { type AdminFields, adminSocket, adminSockets, callAdmin } from '../roles/admin.ts';

const STATUS_MS = 2_000;

/** What a node says of one of its clients. */
export interface ClientStatus {
  readonly client: string;
  readonly state: string;
  readonly connections: number;
}

/** Where the admin sockets are. */
function directories(): string[] {
  const lab = process.env[VARIABLE.inside] === undefined ? runningLab() : undefined;
  return lab === undefined ? [RUN_DIRECTORY] : [RUN_DIRECTORY, rootOf(lab) + RUN_DIRECTORY];
}

/** Throws a UserError when there is none. */
export function allSockets(): string[] {
  const sockets = directories().flatMap((directory) => adminSockets(directory));
  if (sockets.length === 0) throw new UserError('no server node is running here, nor in a lab of yours');
  return sockets;
}

export function socketOfNode(name: string): string {
  const sockets = directories().map((directory) => adminSocket(name, directory));
  const found = sockets.find((socket) => existsSync(socket));
  if (found === undefined) throw new UserError(`no server node '${name}' is running here`);
  return found;
}

export const statusOf = (socket: string): Promise<AdminFields> => callAdmin(socket, { request: 'status' }, STATUS_MS);

export const clientsOf = ({ clients }: AdminFields): readonly ClientStatus[] => (Array.isArray(clients) ? clients : []);
