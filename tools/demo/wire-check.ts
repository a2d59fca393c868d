// What the capture of the whole lab says of the client's connection: resets and SYNs. Tunnels are not looked into:
// what goes through one comes out of it at some place.

import type { Address } from '../../stack/wire/address.ts';
import { readPcapng } from '../../stack/wire/pcapng.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { dissect } from '../timeline/dissect.ts';

export interface WireFigures {
  /** Packets with RST between client and contact address. */
  readonly resets: number;
  /** Different SYNs of the client: one that is sent again for loss is the same. */
  readonly syns: number;
  readonly packets: number;
  /** Why the capture could not be read to its end. */
  readonly malformed: string | undefined;
}

export function checkWire(capture: Uint8Array, client: Address, contact: Address): WireFigures {
  const syns = new Set<string>();
  let [resets, packets] = [0, 0];
  let malformed: string | undefined;
  for (const block of readPcapng(capture)) {
    if (block.kind === 'malformed') malformed = `${block.reason} at octet ${block.at}`;
    if (block.kind !== 'packet') continue;
    packets += 1;
    const segment = dissect(block.bytes);
    if (segment?.kind !== 'tcp') continue;
    const fromClient = segment.source.equals(client) && segment.destination.equals(contact);
    const toClient = segment.source.equals(contact) && segment.destination.equals(client);
    if (!fromClient && !toClient) continue;
    if ((segment.flags & TCP_FLAG.rst) !== 0) resets += 1;
    if (fromClient && (segment.flags & TCP_FLAG.syn) !== 0) syns.add(`${segment.sourcePort} ${segment.seq}`);
  }
  return { resets, syns: syns.size, packets, malformed };
}
