import { expect, test } from 'vitest';
import { EPOCH } from '../../stack/core/time.ts';
import type { Frame } from '../../stack/device/device.ts';
import { pipe } from '../../stack/device/pipe.ts';
import { RecordDevice } from '../../stack/device/record.ts';
import { cutSuperFrame } from '../../stack/device/segment.ts';
import { TCP_FLAG } from '../../stack/wire/tcp.ts';
import { tcpSuperFrame } from './frames.ts';

test('the sink sees both directions as on the wire, the frames pass untouched', () => {
  const [near, far] = pipe({ offloads: { checksum: true, tso: true } });
  const seen: [string, Uint8Array][] = [];
  const device = new RecordDevice(near, (_now, direction, packet) => seen.push([direction, packet.slice()]));
  const arrived: Frame[] = [];
  const returned: Frame[] = [];
  far.onFrames((_now, frames) => arrived.push(...frames));
  device.onFrames((_now, frames) => returned.push(...frames));
  const { frame } = tcpSuperFrame({ payload: new Uint8Array(2500), gsoSize: 1000, flags: TCP_FLAG.ack, seq: 1 });
  device.send(EPOCH, [frame]);
  far.send(EPOCH, [{ bytes: Uint8Array.of(6) }]);
  expect(seen).toEqual([...cutSuperFrame(frame).map((packet) => ['out', packet]), ['in', Uint8Array.of(6)]]);
  expect(seen.length).toBe(4);
  expect(arrived).toEqual([frame]);
  expect(returned).toEqual([{ bytes: Uint8Array.of(6) }]);
  expect(device.offloads).toEqual(near.offloads);
});
