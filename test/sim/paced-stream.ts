// The stream of the premises under which a handoff time is measured (DESIGN.md section 7): a segment each half millisecond,
// limited by no window, no delayed ACK.

import { after, type Duration, microseconds, seconds } from '../../stack/core/time.ts';
import type { Connection } from '../../stack/tcp/api.ts';
import { PacedApp, streamBytes } from './apps.ts';
import { CONTACT, type World } from './world.ts';

const PORT = 80;
const WRITE_INTERVAL = microseconds(500);
/** Fills a segment (Nagle would hold less): 1500 less IPv6, TCP and its timestamps, and a Home Address option or a tunnel. */
const SEGMENT = { direct: 1400, 'home-agent': 1388 } as const;
export type Way = keyof typeof SEGMENT;

/** Starts the world, and the stream of its client in this direction; returns when it has run for a while. `way`: that of the client's packets. */
export function startPaced(world: World, flow: 'download' | 'upload', way: Way = 'direct'): void {
  const size = flow === 'download' ? SEGMENT[way] : 0;
  world.start(() => new Map([[PORT, new PacedApp(world.timers, WRITE_INTERVAL, size)]]));
  const connection = world.c.host.tcp.connect(world.now, {
    remote: { address: CONTACT, port: PORT },
    noDelay: true,
    delayedAck: 0 as Duration,
  });
  if (typeof connection === 'string') throw new Error(connection);
  drive(world, connection, flow, SEGMENT[way]);
  world.runFor(seconds(3));
}

/** Reads all that comes; for an upload also writes at the premise's pace. */
function drive(world: World, connection: Connection, flow: 'download' | 'upload', segment: number): void {
  let offset = 0;
  const timer = world.timers.timer((now) => {
    offset += connection.write(now, streamBytes(offset, segment));
    timer.set(after(now, WRITE_INTERVAL));
  });
  connection.events = {
    readable: (now) => {
      while (connection.read(now) !== undefined);
    },
    connected: (now) => {
      if (flow === 'upload') timer.set(now);
    },
  };
}
