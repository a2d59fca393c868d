// The targets by name, with their share of a run's time.

import { fuzz as frameReader } from './targets/frame-reader.ts';
import { fuzz as handoffMessage } from './targets/handoff-message.ts';
import { fuzz as homeState } from './targets/home-state.ts';
import { fuzz as hostInput } from './targets/host-input.ts';
import { fuzz as httpRequest } from './targets/http-request.ts';
import { fuzz as mobilityInput } from './targets/mobility-input.ts';
import { fuzz as pcapng } from './targets/pcapng.ts';
import { fuzz as reassembly } from './targets/reassembly.ts';
import { fuzz as snapshot } from './targets/snapshot.ts';
import { fuzz as tcpConversation } from './targets/tcp-conversation.ts';
import { fuzz as tcpPair } from './targets/tcp-pair.ts';
import { fuzz as wireIpv6 } from './targets/wire-ipv6.ts';
import { fuzz as wireUpper } from './targets/wire-upper.ts';

export interface Target {
  readonly fuzz: (data: Uint8Array) => void;
  /** Times the base time of a run. */
  readonly share: number;
  /** Largest input. */
  readonly maxLen: number;
}

export const TARGETS: Readonly<Record<string, Target>> = {
  'wire-ipv6': { fuzz: wireIpv6, share: 1, maxLen: 400 },
  'wire-upper': { fuzz: wireUpper, share: 1, maxLen: 400 },
  pcapng: { fuzz: pcapng, share: 1, maxLen: 600 },
  'http-request': { fuzz: httpRequest, share: 1, maxLen: 600 },
  'frame-reader': { fuzz: frameReader, share: 1, maxLen: 300 },
  'handoff-message': { fuzz: handoffMessage, share: 1, maxLen: 300 },
  'home-state': { fuzz: homeState, share: 1, maxLen: 400 },
  snapshot: { fuzz: snapshot, share: 2, maxLen: 300 },
  reassembly: { fuzz: reassembly, share: 1, maxLen: 600 },
  'host-input': { fuzz: hostInput, share: 2, maxLen: 600 },
  'mobility-input': { fuzz: mobilityInput, share: 2, maxLen: 500 },
  'tcp-pair': { fuzz: tcpPair, share: 4, maxLen: 500 },
  'tcp-conversation': { fuzz: tcpConversation, share: 4, maxLen: 600 },
};
