// What is true of a TCB between any two calls into TCP, whatever the peer, the network and the application did:
// used by the fuzz targets after each step and by the property tests of the suite. Throws LawBroken.

import { NEVER } from '../../stack/core/time.ts';
import type { Flight, Run } from '../../stack/tcp/flight.ts';
import { MAX_FLIGHT_RUNS, MAX_OUT_OF_ORDER_RANGES, MAX_RTO, MAX_WINDOW_SHIFT } from '../../stack/tcp/limits.ts';
import { sends } from '../../stack/tcp/state.ts';
import type { Tcb } from '../../stack/tcp/tcb.ts';
import { TIMER_KINDS } from '../../stack/tcp/timers.ts';
import { law } from './law.ts';

export function checkTcb(tcb: Tcb): void {
  if (tcb.state === 'CLOSED') return;
  checkSequences(tcb);
  checkFlight(tcb);
  checkSendBuffer(tcb);
  checkReceive(tcb);
  checkIslands(tcb);
  checkTimers(tcb);
  checkControl(tcb);
}

const isPosition = (n: number): boolean => Number.isSafeInteger(n) && n >= -1;

function checkSequences({ snd, rcv }: Tcb): void {
  for (const [name, n] of Object.entries({ una: snd.una, nxt: snd.nxt, rcvNxt: rcv.nxt, edge: rcv.edge })) {
    law(isPosition(n), () => `${name} is no position: ${n}`);
  }
  law(snd.una <= snd.nxt, () => `SND.UNA ${snd.una} is beyond SND.NXT ${snd.nxt}`);
  law(snd.wnd >= 0 && snd.wnd <= snd.maxWnd, () => `SND.WND ${snd.wnd}, the largest ever ${snd.maxWnd}`);
  law(snd.mss >= 1 && Number.isInteger(snd.mss), () => `SND.MSS is ${snd.mss}`);
}

/** The flight is [SND.UNA, SND.NXT) without a gap, and its sums are the sums of its runs. */
function checkFlight({ flight, snd, recovery }: Tcb): void {
  let at = snd.una;
  const sum = { runs: 0, pipe: 0, sacked: 0, highest: 0 };
  let before: Run | undefined;
  let firstLost: Run | undefined;
  for (let run = flight.head; run !== undefined; run = run.next) {
    const { start, end } = run;
    law(start === at && end > start, () => `a run [${start}, ${end}) follows ${at}`);
    law(run.previous === before, 'the list of runs is broken backwards');
    law(!run.sacked || run.inPipe === 0, 'SACKed octets in the pipe');
    law(flight.lastStartingBefore(end) === run, () => `the run [${start}, ${end}) is not found`);
    at = end;
    sum.runs += 1;
    sum.pipe += run.inPipe;
    if (run.sacked) {
      sum.sacked += run.length;
      sum.highest = end;
    }
    if (run.awaitsRetransmission) firstLost ??= run;
    before = run;
  }
  law(at === snd.nxt, () => `the flight ends at ${at}, SND.NXT is ${snd.nxt}`);
  law(flight.tail === before, 'the tail is not the last run');
  law(flight.runs === sum.runs, () => `${sum.runs} runs, counted as ${flight.runs}`);
  law(flight.pipe === sum.pipe, () => `a pipe of ${flight.pipe}, the runs say ${sum.pipe}`);
  law(flight.sackedOctets === sum.sacked, () => `${flight.sackedOctets} octets SACKed, the runs say ${sum.sacked}`);
  law(flight.highestSacked >= sum.highest, () => `SACKed up to ${sum.highest}, known up to ${flight.highestSacked}`);
  law(flight.nextLost() === firstLost, () => `nextLost() misses ${firstLost?.start}`);
  // Each SACK block cuts at most twice beyond the bound; what is sent adds to that as the windows allow.
  law(sum.runs <= 4 * MAX_FLIGHT_RUNS, () => `${sum.runs} runs`);
  checkSentOrder(flight);
  law(recovery.dupAcks >= 0, () => `${recovery.dupAcks} duplicate ACKs`);
}

/** Exactly what may be in the network, the oldest first. */
function checkSentOrder({ sent, head }: Flight): void {
  let listed = 0;
  let before: Run | undefined;
  for (let run = sent.oldest; run !== undefined; run = run.sentAfter) {
    law(run.isListed && run.sentBefore === before, 'the list of what was sent is broken');
    law(before === undefined || before.sentAt <= run.sentAt, 'the list of what was sent is out of order');
    before = run;
    listed += 1;
  }
  for (let run = head; run !== undefined; run = run.next) {
    law(
      run.isListed === !(run.sacked || run.awaitsRetransmission),
      () => `a run at ${run?.start} is in the wrong list`,
    );
    if (run.isListed) listed -= 1;
  }
  law(listed === 0, 'the list of what was sent holds what is gone');
}

function checkSendBuffer({ sendBuffer, snd, finQueued, state }: Tcb): void {
  if (state === 'TIME-WAIT') return;
  const { start, end, capacity, length } = sendBuffer;
  law(length >= 0 && length <= capacity, () => `${length} octets in a send buffer of ${capacity}`);
  law(start === Math.min(Math.max(0, snd.una), end), () => `the send buffer begins at ${start}, SND.UNA is ${snd.una}`);
  law(snd.nxt <= end + (finQueued ? 1 : 0), () => `SND.NXT ${snd.nxt} is beyond what was written, ${end}`);
}

function checkReceive({ rcv, receiveBuffer }: Tcb): void {
  const { start, end, capacity } = receiveBuffer;
  law(start === rcv.read, () => `the receive buffer begins at ${start}, read is ${rcv.read}`);
  law(rcv.read <= end, () => `read ${rcv.read} is beyond ${end}`);
  const textEnd = rcv.fin ?? Math.max(0, rcv.nxt);
  law(end === textEnd, () => `the receive buffer ends at ${end}, RCV.NXT is ${rcv.nxt}`);
  const slack = 2 ** Math.min(rcv.shift, MAX_WINDOW_SHIFT);
  law(end - rcv.read <= capacity + slack, () => `${end - rcv.read} octets in a receive buffer of ${capacity}`);
  law(rcv.edge <= rcv.read + capacity + slack, () => `a window up to ${rcv.edge}, room up to ${rcv.read + capacity}`);
}

function checkIslands({ reassembly, rcv }: Tcb): void {
  const { islands } = reassembly;
  law(islands.length <= MAX_OUT_OF_ORDER_RANGES, () => `${islands.length} islands`);
  let at = Math.max(0, rcv.nxt);
  for (const { start, end } of islands) {
    law(start > at && end > start, () => `an island [${start}, ${end}) follows ${at}`);
    at = end;
  }
  law(islands.length === 0 || at <= rcv.edge, () => `islands up to ${at}, the window ends at ${rcv.edge}`);
  const { fin } = reassembly;
  law(fin === undefined || fin >= Math.max(0, rcv.nxt), () => `a FIN out of order at ${fin}, RCV.NXT is ${rcv.nxt}`);
}

/** Work is never pending without a timer; silence has none. */
function checkTimers(tcb: Tcb): void {
  const { timers, state, silence, flight, hasWork } = tcb;
  if (silence !== 'none') {
    for (const kind of TIMER_KINDS) law(timers[kind].deadline === NEVER, `the ${kind} timer runs in silence`);
    return;
  }
  law(flight.isEmpty || timers.retransmit.armed, `octets in flight in ${state}, and no retransmission timer`);
  law(
    !(flight.isEmpty && hasWork && sends(state)) || timers.probe.armed,
    `octets wait in ${state}, nothing is in flight, and no probe timer`,
  );
  law(!hasWork || state === 'TIME-WAIT' || timers.userTimeout.armed, `work in ${state}, and no user timeout`);
  law(state !== 'TIME-WAIT' || timers.timeWait.armed, 'a TIME-WAIT for ever');
  law(tcb.unacknowledgedText === 0 || tcb.ackNow || !owesAck(tcb) || timers.delayedAck.armed, 'an ACK is forgotten');
  law(!tcb.ackNow || !sends(state), `an ACK is due in ${state} and was not sent`);
}

const owesAck = ({ state }: Tcb): boolean => state === 'ESTABLISHED' || state === 'FIN-WAIT-2';

function checkControl({ congestion, rtt, timeouts }: Tcb): void {
  const { cwnd, ssthresh } = congestion;
  law(cwnd >= 1 && Number.isFinite(cwnd), () => `cwnd is ${cwnd}`);
  law(ssthresh > 0, () => `ssthresh is ${ssthresh}`);
  law(rtt.rto > 0 && rtt.rto <= MAX_RTO, () => `an RTO of ${rtt.rto}`);
  law(timeouts >= 0, () => `${timeouts} timeouts`);
}
