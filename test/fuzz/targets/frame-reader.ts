// The control channel's frames, cut anywhere: the same frames come out, whatever pieces they came in.

import { equalBytes } from '../../../stack/core/bytes.ts';
import { frameLength } from '../../../stack/handoff/messages.ts';
import { FrameReader } from '../../../stack/server/frame-reader.ts';
import { ByteReader } from '../byte-reader.ts';
import { law } from '../law.ts';

/** All frames of a stream, and why it ended early. */
function framesOf(pieces: readonly Uint8Array[]): { readonly frames: Uint8Array[]; readonly refused: boolean } {
  const reader = new FrameReader(frameLength);
  const frames: Uint8Array[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      if (!frame.ok) return { frames, refused: true };
      frames.push(frame.value.slice());
    }
  }
  return { frames, refused: false };
}

export function fuzz(data: Uint8Array): void {
  const reader = new ByteReader(Uint8Array.from(data));
  const cuts = [...reader.take(1 + reader.below(8))];
  const stream = reader.rest();
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const cut of cuts) {
    pieces.push(stream.slice(at, at + cut));
    at += cut;
  }
  pieces.push(stream.slice(at));
  const whole = framesOf([stream]);
  const cut = framesOf(pieces);
  law(whole.refused === cut.refused, 'where it is cut decides whether it is refused');
  law(whole.frames.length === cut.frames.length, 'where it is cut decides how many frames there are');
  for (const [i, frame] of whole.frames.entries()) {
    law(equalBytes(frame, cut.frames[i] ?? new Uint8Array(0)), 'where it is cut decides what a frame says');
  }
}
