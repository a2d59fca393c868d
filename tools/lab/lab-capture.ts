// One pcapng file for the whole lab, an interface a site. Each packet is in it twice where it arrived: where it
// left a site and where it came into one, so the time on the way can be read off.

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

  readonly sink: LabSink = (now: Instant, site, _direction, bytes) => {
    const id = this.#interfaces.get(site.name) ?? 0;
    this.#file.write(pcapngPacket({ interface: id, timestampNs: this.#wall.unixNs(now), bytes }));
  };

  close(): void {
    this.#file.close();
  }
}
