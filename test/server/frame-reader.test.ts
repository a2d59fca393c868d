// FrameReader: however the stream is cut into pieces, the same frames come out.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, equalBytes, setU32, u32 } from '../../stack/core/bytes.ts';
import { malformed, parsed } from '../../stack/core/parsed.ts';
import { type FrameLength, FrameReader } from '../../stack/server/frame-reader.ts';

const LONGEST = 300_000;

/** Four octets of length, then as many octets. */
const lengthOf: FrameLength = (bytes, at) => {
  if (bytes.length - at < 4) return undefined;
  const body = u32(bytes, at);
  return body > LONGEST ? malformed('too long', at) : parsed(4 + body, at + 4);
};

function frameOf(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + body.length);
  setU32(frame, 0, body.length);
  frame.set(body, 4);
  return frame;
}

/** All frames that are whole; a refusal ends the list. */
function drain(reader: FrameReader): (Uint8Array | string)[] {
  const out: (Uint8Array | string)[] = [];
  for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
    out.push(frame.ok ? frame.value.slice() : frame.reason);
    if (!frame.ok) break;
  }
  return out;
}

test('arbitrary chunks give the frames of the whole stream', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  const cuts = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 });
  fc.assert(
    fc.property(bodies, cuts, fc.boolean(), (contents, lengths, eager) => {
      const frames = contents.map(frameOf);
      const stream = concatBytes(...frames);
      const reader = new FrameReader(lengthOf);
      const got: (Uint8Array | string)[] = [];
      let at = 0;
      for (const length of [...lengths, stream.length]) {
        reader.push(stream.subarray(at, at + length));
        at = Math.min(stream.length, at + length);
        if (eager) got.push(...drain(reader));
      }
      got.push(...drain(reader));
      expect(got).toEqual(frames);
    }),
    { numRuns: 500 },
  );
});

test('a frame that is not whole yet stays in', () => {
  const reader = new FrameReader(lengthOf);
  const frame = frameOf(Uint8Array.of(1, 2, 3));
  for (const octet of frame.subarray(0, -1)) {
    reader.push(Uint8Array.of(octet));
    expect(reader.next()).toBeUndefined();
  }
  reader.push(frame.subarray(-1));
  expect(drain(reader)).toEqual([frame]);
});

test('frames that came in one piece come out one by one, and then none', () => {
  const [one, two] = [frameOf(Uint8Array.of(1)), frameOf(new Uint8Array(0))];
  const reader = new FrameReader(lengthOf);
  reader.push(concatBytes(one, two));
  expect(drain(reader)).toEqual([one, two]);
  expect(reader.next()).toBeUndefined();
});

test('an over-long frame is refused as soon as its length is there, and stays refused', () => {
  const reader = new FrameReader(lengthOf);
  const head = new Uint8Array(4);
  setU32(head, 0, LONGEST + 1);
  reader.push(head.subarray(0, 3));
  expect(reader.next()).toBeUndefined();
  reader.push(head.subarray(3));
  expect(reader.next()).toMatchObject({ ok: false, reason: 'too long' });
  reader.push(new Uint8Array(100));
  expect(reader.next()).toMatchObject({ ok: false, reason: 'too long' });
});

test('frames in front of an over-long one are still given', () => {
  const good = frameOf(Uint8Array.of(9));
  const reader = new FrameReader(lengthOf);
  reader.push(concatBytes(good, Uint8Array.of(0xff, 0xff, 0xff, 0xff)));
  expect(drain(reader)).toEqual([good, 'too long']);
});

test('a frame that comes octet by octet is put together, however many pieces that makes', () => {
  const frame = frameOf(new Uint8Array(LONGEST).fill(7));
  const reader = new FrameReader(lengthOf);
  for (let at = 0; at < frame.length; at++) reader.push(frame.subarray(at, at + 1));
  const [got] = drain(reader);
  expect(got instanceof Uint8Array && equalBytes(got, frame)).toBe(true);
});
