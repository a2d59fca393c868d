// A good snapshot to start from: a connection in the middle of a lossy transfer both ways, with octets out of order,
// SACKed octets in flight and text that waits to be read. Its local address is host A.

import { milliseconds } from '../../stack/core/time.ts';
import type { ConnectionSnapshot } from '../../stack/tcp/snapshot.ts';
import { established, pattern } from '../tcp/support.ts';

export const SNAPSHOT_WORDS = [
  ...(['ESTABLISHED', 'SYN-SENT', 'SYN-RECEIVED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT'] as const),
  ...(['CLOSING', 'LAST-ACK', 'TIME-WAIT', 'CLOSED', 'LISTEN', 'cubic', 'newreno'] as const),
] as const;

export function busySnapshot(): ConnectionSnapshot {
  const made = established({ seed: 3 }, { server: { sendBuffer: 40_000, receiveBuffer: 40_000 } });
  made.server().autoRead = false;
  made.server().send(pattern(8_000));
  made.client.send(pattern(12_000));
  let count = 0;
  made.world.filter = () => (count++ % 5 === 2 ? 'drop' : 'pass');
  made.world.runFor(milliseconds(45));
  const { connection } = made.server();
  made.b.tcp.freeze(made.world.now, connection);
  const snapshot = made.b.tcp.snapshot(made.world.now, connection);
  const { local, remote } = snapshot;
  return { ...snapshot, local: { ...local, address: remote.address }, remote: { ...remote, address: local.address } };
}
