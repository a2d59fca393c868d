// Whatever state a script comes to, the connection can be given away there: its snapshot passes the checks of the
// node that takes it, and says there what it said here.

import { isDeepStrictEqual } from 'node:util';
import type { Connection } from '../../../stack/tcp/api.ts';
import { tcbOf } from '../../../stack/tcp/connection.ts';
import { type ConnectionSnapshot, decodeSnapshot, encodeSnapshot } from '../../../stack/tcp/snapshot.ts';
import { takeSnapshot } from '../../../stack/tcp/take-snapshot.ts';
import { A, type TestHost, World } from '../support.ts';

export class SnapshotJudge {
  readonly #world = new World();
  readonly #host: TestHost = this.#world.host(A);

  /** What is wrong; undefined: nothing. */
  judge(connection: Connection, now: Parameters<Connection['shutdown']>[0]): string | undefined {
    if (connection.state === 'CLOSED') return undefined;
    const given = takeSnapshot(tcbOf(connection), now);
    const decoded = decodeSnapshot(encodeSnapshot(given));
    if (!decoded.ok) return `its snapshot would be refused: ${decoded.reason}`;
    const { tcp } = this.#host;
    const installed = tcp.install(now, decoded.value, { congestion: 'carry' });
    if (typeof installed === 'string') return `its snapshot cannot be installed: ${installed}`;
    const taken = takeSnapshot(tcbOf(installed), now);
    tcp.forget(installed);
    // Our TSvals go on one tick ahead (restore.ts).
    if (taken.timestamps.value !== (given.timestamps.value + 1) >>> 0) return 'timestamps.value';
    if (taken.timestamps.recent !== given.timestamps.recent) return 'timestamps.recent';
    return PARTS.find((part) => !isDeepStrictEqual(taken[part], given[part]));
  }
}

/** What the peer and the application rely on. The rest may start anew on another path. */
const PARTS = [
  'state',
  'passive',
  'options',
  'negotiated',
  'send',
  'receive',
  'sendBuffer',
  'receiveBuffer',
  'outOfOrder',
] as const satisfies readonly (keyof ConnectionSnapshot)[];
