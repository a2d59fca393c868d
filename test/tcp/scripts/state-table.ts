// State x event, as RFC 9293 3.10 goes through them: an event with what each state answers, which state follows, and
// what the user is told. Every cell is a packet script: what leads to the state, the event, the answer.

import { describe, expect, test } from 'vitest';
import { runScript } from './script.ts';

interface StateSetup {
  /** As the RFC calls it. */
  readonly state: string;
  /** R: RCV.NXT, U: SND.UNA, N: SND.NXT. */
  readonly numbers: { readonly R: number; readonly U: number; readonly N: number };
  readonly rto: string;
  readonly script: string;
}

/** A window of 4096 octets, so that there is something beyond it; no ACK is delayed, nothing waits for Nagle. */
const APP = 'receiveBuffer 4096 delayedAck off noDelay';

const STATES: Readonly<Record<string, StateSetup>> = {
  CLOSED: {
    state: 'CLOSED',
    numbers: { R: 0, U: 0, N: 0 },
    rto: '1s',
    script: `connect ${APP}
      -> SYN <*>
      abort`,
  },
  LISTEN: { state: 'LISTEN', numbers: { R: 0, U: 0, N: 0 }, rto: '1s', script: `listen ${APP}` },
  'SYN-SENT': {
    state: 'SYN-SENT',
    numbers: { R: 0, U: -1, N: 0 },
    rto: '1s',
    script: `connect ${APP}
      -> SYN <*>`,
  },
  'SYN-RECEIVED/passive': {
    state: 'SYN-RECEIVED',
    numbers: { R: 0, U: -1, N: 0 },
    rto: '1s',
    script: `listen ${APP}
      <- SYN <mss 1000>
      -> SYN,ACK ack 0 <*>`,
  },
  'SYN-RECEIVED/active': {
    state: 'SYN-RECEIVED',
    numbers: { R: 0, U: -1, N: 0 },
    rto: '1s',
    script: `connect ${APP}
      -> SYN <*>
      <- SYN <mss 1000>
      -> SYN,ACK ack 0 <*>`,
  },
  ESTABLISHED: {
    state: 'ESTABLISHED',
    numbers: { R: 0, U: 0, N: 100 },
    rto: '200ms',
    script: `established with ${APP}
      write 100
      -> PSH,ACK 0:100`,
  },
  'FIN-WAIT-1': {
    state: 'FIN-WAIT-1',
    numbers: { R: 0, U: 0, N: 1 },
    rto: '200ms',
    script: `established with ${APP}
      shutdown
      -> FIN,ACK`,
  },
  'FIN-WAIT-2': {
    state: 'FIN-WAIT-2',
    numbers: { R: 0, U: 1, N: 1 },
    rto: '200ms',
    script: `established with ${APP}
      shutdown
      -> FIN,ACK
      <- ACK ack 1`,
  },
  'CLOSE-WAIT': {
    state: 'CLOSE-WAIT',
    numbers: { R: 1, U: 0, N: 100 },
    rto: '200ms',
    script: `established with ${APP}
      <- FIN,ACK
      -> ACK ack 1
      write 100
      -> PSH,ACK 0:100`,
  },
  CLOSING: {
    state: 'CLOSING',
    numbers: { R: 1, U: 0, N: 1 },
    rto: '200ms',
    script: `established with ${APP}
      shutdown
      -> FIN,ACK
      <- FIN,ACK ack 0
      -> ACK ack 1`,
  },
  'LAST-ACK': {
    state: 'LAST-ACK',
    numbers: { R: 1, U: 0, N: 1 },
    rto: '200ms',
    script: `established with ${APP}
      <- FIN,ACK
      -> ACK ack 1
      shutdown
      -> FIN,ACK`,
  },
  'TIME-WAIT': {
    state: 'TIME-WAIT',
    numbers: { R: 1, U: 1, N: 1 },
    rto: '200ms',
    script: `established with ${APP}
      shutdown
      -> FIN,ACK
      <- FIN,ACK ack 1
      -> ACK ack 1`,
  },
};

/** What is sent, by the name it has in the table. SEG.SEQ, SEG.ACK and SEG.LEN are those of the event. */
const ANSWERS: Readonly<Record<string, string>> = {
  nothing: '',
  ack: '-> ACK seq N ack R', // what is taken moves R: see answerOf()
  rst: '-> RST seq SEG.ACK',
  'rst,ack': '-> RST,ACK abs 0 ack SEG.SEQ+SEG.LEN',
  'syn,ack': '-> SYN,ACK seq -1 ack SEG.SEQ+1 <*>',
  'syn,ack again': '-> SYN,ACK seq -1 ack 0 <*>',
  'syn again': '-> SYN <*>',
  'text again': '-> PSH,ACK U:U+100',
  'fin again': '-> FIN,ACK seq U',
  'new syn': '-> SYN iss * <*>',
  text: '-> PSH,ACK N:N+10 ack R',
  fin: '-> FIN,ACK seq N ack R',
  abort: '-> RST,ACK seq N ack R',
};

/**
 * `rows`, one a line: STATE, STATE ...: ANSWER [taking N] [=> NEXT STATE] [(TOLD ...)]. `taking 100`: RCV.NXT moves so
 * far. `n/a`: it cannot happen there, the user has no connection to call. Every state stands in one row.
 */
export function event(name: string, lines: string, rows: string): void {
  describe(`RFC 9293 3.10: ${name}`, () => {
    const seen = new Set<string>();
    for (const row of rows.trim().split('\n')) {
      const parsed = /^\s*(.+?): (.*?)(?: taking (\d+))?(?: => ([A-Z0-9-]+))?(?: \((.+)\))?$/.exec(row);
      if (parsed === null) throw new Error(`no row of the table: ${row}`);
      const [, states = '', answer = '', taking = '0', next, told = 'nothing'] = parsed;
      for (const state of states.split(', ').flatMap(expandState)) {
        if (seen.has(state)) throw new Error(`${name}: ${state} stands in two rows`);
        seen.add(state);
        if (answer === 'n/a') continue;
        const cell = { lines, answer, taking: Number(taking), next, told };
        test(`state ${state}: ${row.slice(row.indexOf(': ') + 2)}`, () => runScript(cellScript(state, cell), 'end'));
      }
    }
    test('every state has its answer', () => {
      expect(Object.keys(STATES).filter((state) => !seen.has(state))).toEqual([]);
    });
  });
}

/** `SYN-RECEIVED`: from either open. */
const expandState = (state: string): string[] =>
  state === 'SYN-RECEIVED' ? ['SYN-RECEIVED/passive', 'SYN-RECEIVED/active'] : [state];

interface Cell {
  readonly lines: string;
  readonly answer: string;
  readonly taking: number;
  readonly next: string | undefined;
  readonly told: string;
}

function cellScript(name: string, cell: Cell): string {
  const setup = STATES[name];
  if (setup === undefined) throw new Error(`no such state: ${name}`);
  const { R, U, N } = setup.numbers;
  const place = (text: string, taken: number): string =>
    text.replace(/\b([RUN])\b(?:([+-])(\d+)\b)?/g, (_all, letter: string, sign?: string, by?: string) => {
      const base = letter === 'R' ? R + taken : letter === 'U' ? U : N;
      return String(base + (sign === '-' ? -1 : 1) * Number(by ?? 0));
    });
  const [refusal, answer] = cell.answer.startsWith('error ') ? [cell.answer.slice(6), ''] : ['', cell.answer];
  const template = answer === '' ? '' : ANSWERS[answer];
  if (template === undefined) throw new Error(`no such answer: ${answer}`);
  const event = place(cell.lines.replace('RTO', setup.rto), 0);
  const reply = segmentNumbers(place(template, cell.taking), event);
  return [
    setup.script,
    'forget-told',
    ...eventLines(event, refusal, reply),
    `state ${cell.next ?? setup.state}`,
    `told ${cell.told}`,
  ].join('\n');
}

/** An event that is only time is the time until the answer. */
function eventLines(event: string, refusal: string, reply: string): string[] {
  const lines = event.split('; ').map((line) => `${line} ${refusal}`.trim());
  const last = lines[lines.length - 1] ?? '';
  if (!/^\+\S+$/.test(last)) return [...lines, reply];
  return [...lines.slice(0, -1), `${last} ${reply === '' ? 'nothing' : reply}`];
}

/** SEG.SEQ, SEG.ACK, SEG.LEN of the segment that arrives. */
function segmentNumbers(reply: string, event: string): string {
  const range = /(-?\d+):(-?\d+)/.exec(event);
  const seq = Number(range?.[1] ?? / seq (-?\d+)/.exec(event)?.[1] ?? 0);
  const ack = / ack (-?\d+)/.exec(event)?.[1] ?? '0';
  const text = range === null ? 0 : Number(range[2]) - Number(range[1]);
  const length = text + (/\bSYN\b/.test(event) ? 1 : 0) + (/\bFIN\b/.test(event) ? 1 : 0);
  return reply
    .replace('SEG.SEQ+SEG.LEN', String(seq + length))
    .replace('SEG.SEQ+1', String(seq + 1))
    .replace('SEG.ACK', ack);
}
