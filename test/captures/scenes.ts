// The scenes of the committed captures: a group of two members, a client that fetches a short text, and for two of
// them a handoff half-way. Each is a function of its constants alone.

import { after, type Duration, milliseconds, seconds, times } from '../../stack/core/time.ts';
import { type Latencies, PRESETS, type PresetName } from '../../stack/handoff/strategy.ts';
import { parseTcpHeader } from '../../stack/wire/tcp.ts';
import { WorldCapture } from '../sim/capture.ts';
import { findTcp } from '../sim/find-header.ts';
import { CONTACT, CONTROL_PORT, World } from '../sim/world.ts';
import { LinesApp } from './lines-app.ts';

/** As in the lab of `homeport demo`, in milliseconds one way. */
export const LATENCIES = { donorAcceptor: 10, clientDonor: 20, clientAcceptor: 20, home: 7 } as const;
/** For the formulas. The home test of b comes back by way of a, the contact node. */
export const FORMULA_LATENCIES: Latencies = {
  donorAcceptor: milliseconds(LATENCIES.donorAcceptor),
  clientDonor: milliseconds(LATENCIES.clientDonor),
  clientAcceptor: milliseconds(LATENCIES.clientAcceptor),
  homeTest: milliseconds(4 * LATENCIES.home + LATENCIES.donorAcceptor),
};
export const PACE = milliseconds(4);

const SEED = 2023;
const PORT = 80;
/** So fast that it only keeps packets apart: no two arrive at the same moment. */
const LINK_RATE = 1_000_000_000;
const REQUEST = `GET /lines HTTP/1.1\r\nHost: [${CONTACT}]\r\n\r\n`;
const LIMIT = seconds(10);

export interface Scene {
  /** Of the files captures/NAME.pcapng and captures/NAME.md. */
  readonly name: string;
  readonly preset: PresetName | undefined;
  readonly lines: number;
}

export const SCENES: readonly Scene[] = [
  { name: 'return-routability', preset: undefined, lines: 200 },
  { name: 'handoff-prefetched', preset: 'prefetched', lines: 400 },
  { name: 'handoff-fast', preset: 'fast', lines: 400 },
];

export interface Recording {
  readonly file: Uint8Array;
  /** What the client has read. */
  readonly received: string;
}

/** Throws when the scene does not come to its end. */
export function record(scene: Scene): Recording {
  const world = new World({ seed: SEED, latencies: LATENCIES });
  const pairs = [
    ['a', 'b'],
    ['a', 'c'],
    ['b', 'c'],
    ['home', 'a'],
    ['home', 'b'],
    ['home', 'c'],
  ] as const;
  for (const [x, y] of pairs) world.internet.join(x, y, { rate: LINK_RATE });
  let begun = false;
  const capture = new WorldCapture(world, (packet) => begun || !isControl(packet));
  world.start(() => new Map([[PORT, new LinesApp(world.timers, PACE, scene.lines)]]));
  begun = true;
  const client = fetchText(world);
  if (scene.preset !== undefined) handOff(world, scene.preset);
  if (!world.runUntil(() => client.closed, after(world.now, LIMIT))) throw new Error(`${scene.name}: no end`);
  world.runFor(milliseconds(100));
  return { file: capture.file(), received: client.text };
}

/** Of the control channel between members: its opening is left out, the captures are about clients. */
function isControl(packet: Uint8Array): boolean {
  const at = findTcp(packet);
  if (at === undefined) return false;
  const header = parseTcpHeader(packet, at, packet.length);
  return header.ok && [header.value.sourcePort, header.value.destinationPort].includes(CONTROL_PORT);
}

/** A few writes after the client is bound, between two of them. */
function handOff(world: World, preset: PresetName): void {
  const { mobile } = world.a.member;
  const bound = () => mobile.stateOf(world.c.careOf) === 'bound';
  if (!world.runUntil(bound, after(world.now, LIMIT))) throw new Error('the client was not bound');
  world.runFor(times(PACE, 5));
  world.handoff('a', 'b', PRESETS[preset]);
}

function fetchText(world: World): { readonly text: string; readonly closed: boolean } {
  const client = { text: '', closed: false };
  const connection = world.c.host.tcp.connect(world.now, {
    remote: { address: CONTACT, port: PORT },
    noDelay: true,
    delayedAck: 0 as Duration,
  });
  if (typeof connection === 'string') throw new Error(connection);
  connection.events = {
    connected: (now) => connection.write(now, new TextEncoder().encode(REQUEST)),
    readable: (now) => {
      for (let bytes = connection.read(now); bytes !== undefined; bytes = connection.read(now))
        client.text += new TextDecoder().decode(bytes);
    },
    peerFinished: (now) => connection.shutdown(now),
    closed: () => {
      client.closed = true;
    },
  };
  return client;
}
