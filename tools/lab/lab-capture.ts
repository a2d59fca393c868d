// One pcapng file for the whole lab, an interface a site. Each packet is in it once, on the interface of the site it
// came into, at that time; one that was lost is on that of the site it left, with a comment. So Wireshark sees
// each connection as one stream. When a packet left is in the capture of the node that sent it.

import type { Instant } from '../../stack/core/time.ts';
import { LINKTYPE_RAW, pcapngInterface, pcapngPacket, pcapngSectionHeader } from '../../stack/wire/pcapng.ts';
import { CaptureFile } from '../../tun/capture-file.ts';
import type { WallClock } from '../../tun/clock.ts';
import type { LabSink } from './router.ts';
import { LAB_MTU, type Topology } from './topology.ts';

export class LabCapture {
  readonly #file: CaptureFile;
  readonly #wall: WallClock;
  readonly #interfaces = new Map<string, number>();

  constructor(path: string, topology: Topology, wall: WallClock) {
    this.#file = new CaptureFile(path);
    this.#wall = wall;
    this.#file.write(pcapngSectionHeader('homeport lab'));
    for (const [id, site] of topology.sites.entries()) {
      this.#interfaces.set(site.name, id);
      const description = `site ${site.name}, ${site.prefix}`;
      this.#file.write(pcapngInterface({ name: site.name, linkType: LINKTYPE_RAW, snapLen: LAB_MTU, description }));
    }
  }

  readonly sink: LabSink = (now: Instant, site, bytes, lost) => {
    const id = this.#interfaces.get(site.name) ?? 0;
    const comment = lost === undefined ? {} : { comment: lost };
    this.#file.write(pcapngPacket({ interface: id, timestampNs: this.#wall.unixNs(now), bytes, ...comment }));
  };

  close(): void {
    this.#file.close();
  }
}
