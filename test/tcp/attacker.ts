// Segments by the hundred thousand: made in one buffer and handed straight to TCP, as IPv6 would, checksums taken for
// granted. What the TCP under test sends is counted and forgotten.

import { type Seq, seq, seqAdd } from '../../stack/wire/seq.ts';
import { emitTcpHeader } from '../../stack/wire/tcp.ts';
import { NO_TCP_OPTIONS, type TcpOptions } from '../../stack/wire/tcp-option.ts';
import { OURS, type ScriptedPeer } from './scripted-peer.ts';
import { A, B, PORT, type WireSegment } from './support.ts';

export interface RawSegment {
  readonly flags: number;
  /** As it is on the wire. */
  readonly seq: number;
  readonly ack?: number;
  readonly window?: number;
  readonly length?: number;
  readonly options?: TcpOptions;
}

const MAX_SEGMENT = 9_000;

export class Attacker {
  readonly peer: ScriptedPeer;
  /** Segments that the TCP under test has sent since the attack began. */
  answers = 0;
  /** Octets of text in them. */
  octets = 0;
  readonly #bytes = new Uint8Array(MAX_SEGMENT).fill(0x78);
  readonly #packet = {
    source: B,
    wireSource: B,
    destination: A,
    wireDestination: A,
    protocol: 6,
    hopLimit: 64,
    trafficClass: 0,
    bytes: this.#bytes,
    start: 0,
    end: 0,
    checksumValid: true,
    gsoSize: 0,
    hasHomeAddressOption: false,
    hasRoutingHeader2: false,
  };

  constructor(peer: ScriptedPeer) {
    this.peer = peer;
    peer.world.filter = (segment: WireSegment) => {
      this.answers += 1;
      this.octets += segment.text.length;
      peer.world.sent.length = 0;
      return 'drop';
    };
  }

  /** Sequence number of a position in the peer's stream, and in ours. */
  theirs(position: number): Seq {
    return seqAdd(this.peer.iss, position + 1);
  }

  ours(position: number): Seq {
    return seqAdd(this.peer.ours ?? seq(0), position + 1);
  }

  send(segment: RawSegment): void {
    const { world, host } = this.peer;
    const options = segment.options ?? NO_TCP_OPTIONS;
    const header = {
      sourcePort: PORT,
      destinationPort: OURS,
      seq: seq(segment.seq),
      ack: seq(segment.ack ?? 0),
      flags: segment.flags,
      window: segment.window ?? 65_535,
      options,
    };
    const textAt = emitTcpHeader(header, this.#bytes, 0);
    this.#packet.end = textAt + (segment.length ?? 0);
    host.tcp.input(world.now, this.#packet);
  }
}
