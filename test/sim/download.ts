// A download of the test stream by the simulated client, to be watched while handoffs come and go.

import type { Connection, TcpOptions } from '../../stack/tcp/api.ts';
import { newProgress, readStream, type StreamProgress } from './apps.ts';
import { type ClientNode, CONTACT, type World } from './world.ts';

export interface Download {
  readonly connection: Connection;
  readonly progress: StreamProgress;
}

/** Connects to the contact address, reads to the end and closes. Throws when no connection can be opened. */
export function download(
  world: World,
  port: number,
  client: ClientNode = world.c,
  options: Partial<TcpOptions> = {},
): Download {
  const connection = client.host.tcp.connect(world.now, { remote: { address: CONTACT, port }, ...options });
  if (typeof connection === 'string') throw new Error(connection);
  const progress = newProgress();
  connection.events = {
    readable: (now) => readStream(now, connection, progress),
    peerFinished: (now) => connection.shutdown(now),
    closed: (_now, error) => {
      progress.closed = true;
      progress.error = error;
    },
  };
  return { connection, progress };
}
