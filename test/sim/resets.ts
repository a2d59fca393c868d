// Counts the RST segments that anybody sends on connections of clients, in whatever they are wrapped. (A control
// connection between members that timed out is reset in order when the other end comes back.)

import { parseTcpHeader, TCP_FLAG } from '../../stack/wire/tcp.ts';
import { findTcp } from './find-header.ts';
import { CONTROL_PORT, type World } from './world.ts';

/** `counts` is asked about the ports of each; absent: all count. */
export function countResets(world: World, counts: (ports: readonly number[]) => boolean = () => true): () => number {
  let resets = 0;
  world.internet.taps.push((_now, event, _from, _to, packet) => {
    const at = event === 'sent' ? findTcp(packet) : undefined;
    if (at === undefined) return;
    const header = parseTcpHeader(packet, at, packet.length);
    if (!header.ok || (header.value.flags & TCP_FLAG.rst) === 0) return;
    const ports = [header.value.sourcePort, header.value.destinationPort];
    if (!ports.includes(CONTROL_PORT) && counts(ports)) resets += 1;
  });
  return () => resets;
}
