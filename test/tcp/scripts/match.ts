// Does a segment of ours do what a line of a script says? Everything that is not said has a strict meaning: no text,
// at SND.NXT, the same ACK as before, not ECN-capable, no options but the timestamp that every segment has. The
// window alone is free where it is not said.

import { type Seq, seq, seqDiff } from '../../../stack/wire/seq.ts';
import { TCP_FLAG } from '../../../stack/wire/tcp.ts';
import type { TcpOptions } from '../../../stack/wire/tcp-option.ts';
import type { Seen } from '../scripted-peer.ts';
import { PORT } from '../support.ts';
import { formatFlags, formatOptions, type OptionsSpec, type SegmentSpec } from './segment-notation.ts';

/** What is known of both ends when a segment is compared. */
export interface Known {
  /** The ISNs: ours is known from our first SYN. */
  readonly ours: Seq | undefined;
  readonly iss: Seq;
  /** Behind the highest position that we have sent. */
  readonly sentEnd: number;
  /** Of our last segment. */
  readonly lastAck: number | undefined;
  /** Our first TSval: those in scripts are counted from it. */
  readonly firstTsval: number | undefined;
}

/** Our segment as a script would say it. */
export function specOf(seen: Seen, known: Known): SegmentSpec {
  const { flags } = seen;
  const options = optionsOf(seen.options, known);
  return {
    flags,
    seq: (flags & TCP_FLAG.syn) !== 0 && seen.length > 0 ? 0 : seen.seq,
    length: seen.length,
    ...((flags & TCP_FLAG.ack) === 0 ? {} : { ack: seen.ack }),
    win: seen.window,
    ...((flags & TCP_FLAG.urg) === 0 ? {} : { urg: seen.urgentPointer }),
    ecn: seen.trafficClass & 3,
    ...(seen.toPort === PORT ? {} : { port: seen.toPort }),
    options,
  };
}

function optionsOf(options: TcpOptions, known: Known): OptionsSpec {
  const { mss, windowScale, sackPermitted, sack, timestamp, userTimeout, fastOpenCookie } = options;
  const spec: OptionsSpec = {};
  if (mss !== undefined) spec.mss = mss;
  if (windowScale !== undefined) spec.windowScale = windowScale;
  if (sackPermitted) spec.sackPermitted = true;
  if (sack !== undefined) {
    const position = (at: Seq): number => seqDiff(at, known.iss) - 1;
    spec.sack = sack.map(({ left, right }) => [position(left), position(right)]);
  }
  if (timestamp !== undefined) {
    spec.timestamp = { value: (timestamp.value - (known.firstTsval ?? timestamp.value)) | 0, echo: timestamp.echo };
  }
  if (userTimeout !== undefined) {
    spec.userTimeout = userTimeout.value * (userTimeout.granularity === 'minutes' ? 60 : 1);
  }
  if (fastOpenCookie !== undefined) {
    spec.fastOpen = [...fastOpenCookie].map((octet) => octet.toString(16).padStart(2, '0')).join('');
  }
  return spec;
}

/** What is different, in words; nothing: all is as expected. */
export function differences(expected: SegmentSpec, seen: Seen, known: Known): string[] {
  const came = specOf(seen, known);
  const found: string[] = [];
  const compare = (what: string, wanted: unknown, got: unknown): void => {
    if (wanted !== got) found.push(`${what}: expected ${wanted}, came ${got}`);
  };
  compare('flags', formatFlags(expected.flags), formatFlags(came.flags));
  compare('octets of text', expected.length, came.length);
  if (expected.absolute !== undefined) compare('abs', expected.absolute, absoluteSeq(seen, known));
  else compare('seq', expected.seq ?? defaultSeq(expected, known), came.seq);
  if ((expected.flags & TCP_FLAG.ack) !== 0) compare('ack', expected.ack ?? known.lastAck, came.ack);
  if (expected.win !== undefined && expected.win !== 'any') compare('win', expected.win, came.win);
  if (expected.urg !== undefined) compare('urg', expected.urg, came.urg);
  compare('ECN field', expected.ecn, came.ecn);
  compare('port', expected.port ?? PORT, came.port ?? PORT);
  found.push(...optionDifferences(expected.options ?? {}, came.options ?? {}));
  return found;
}

function defaultSeq(expected: SegmentSpec, known: Known): number {
  if ((expected.flags & TCP_FLAG.syn) === 0) return known.sentEnd;
  return expected.length > 0 ? 0 : -1;
}

const absoluteSeq = (seen: Seen, known: Known): number => ((known.ours ?? seq(0)) + 1 + seen.seq) >>> 0;

function optionDifferences(expected: OptionsSpec, came: OptionsSpec): string[] {
  if (expected.any) return [];
  const wanted = { ...expected };
  const got = { ...came };
  if (wanted.timestamp === undefined) delete got.timestamp;
  else if (wanted.timestamp === 'none') delete wanted.timestamp;
  else if (got.timestamp !== undefined && got.timestamp !== 'none') {
    const { value, echo } = wanted.timestamp;
    wanted.timestamp = { value: value ?? got.timestamp.value, echo: echo ?? got.timestamp.echo };
  }
  if (wanted.windowScale === 'any' && got.windowScale !== undefined) wanted.windowScale = got.windowScale;
  if (wanted.fastOpen === '*' && got.fastOpen !== undefined) wanted.fastOpen = got.fastOpen;
  const [one, other] = [formatOptions(wanted), formatOptions(got)];
  return one === other ? [] : [`options: expected <${one}>, came <${other}>`];
}
