// The handoffs of a plain client as a capture of the whole lab shows them. To the client all comes from the contact address;
// from which node it came is in the outer header of the tunnel in which the same segment reached the home agent before.

import type { ClientScene } from './client-scene.ts';

export interface SeenInTunnel {
  readonly from: string;
  readonly to: string;
  /** At the client, from the last segment of the one to the first of the other. */
  readonly ms: number;
}

/** Of a download of this client from port 80. After down(). */
export async function handoffsThroughHomeAgent(scene: ClientScene, client: string): Promise<readonly SeenInTunnel[]> {
  const filter = `tcp.len > 0 && tcp.srcport == 80 && ipv6.dst == ${client}`;
  const fields = ['frame.time_epoch', 'frame.interface_name', 'ipv6.src', 'tcp.seq_raw', 'tcp.options.timestamp.tsval'];
  const tunnelled = new Map<string, string>();
  const handoffs: SeenInTunnel[] = [];
  let last: { readonly node: string; readonly at: number } | undefined;
  for (const line of await scene.tshark(filter, ...fields)) {
    const [time, site, sources = '', ...names] = line.split('\t');
    // A segment that is sent again has another time stamp.
    const segment = names.join('/');
    const [outer = '', inner] = sources.split(',');
    if (site === 'home' && inner !== undefined) tunnelled.set(segment, outer);
    const node = site === 'c' ? tunnelled.get(segment) : undefined;
    if (node === undefined) continue;
    const at = Number(time) * 1e3;
    if (last !== undefined && last.node !== node) handoffs.push({ from: last.node, to: node, ms: at - last.at });
    last = { node, at };
  }
  return handoffs;
}
