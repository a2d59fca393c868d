// RFC 9293 3.10: every state with every event, RFC 5961 in force: 3.10.7 for segments, 3.10.8 for timeouts, 3.10.1 to
// 3.10.6 for the calls of the user. How to read it: state-table.ts.

import { event } from './state-table.ts';

// --- SYN -----------------------------------------------------------------------------------------------------------

// SYN-RECEIVED deviates from 3.10.7.4, first check, which has a bare ACK: the peer, in SYN-SENT, would drop it.
event(
  'SYN that comes again',
  '<- SYN seq -1',
  `
  CLOSED: rst,ack
  LISTEN, SYN-SENT: syn,ack => SYN-RECEIVED
  SYN-RECEIVED: syn,ack again
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

event(
  'SYN in the window',
  '<- SYN seq R+5',
  `
  CLOSED: rst,ack
  LISTEN, SYN-SENT: syn,ack => SYN-RECEIVED
  SYN-RECEIVED/passive: nothing => LISTEN
  SYN-RECEIVED/active, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

event(
  'SYN above the window',
  '<- SYN seq R+90000',
  `
  CLOSED: rst,ack
  LISTEN, SYN-SENT: syn,ack => SYN-RECEIVED
  SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

// SYN-RECEIVED of an active open: figure 7, line 6.
event(
  'SYN,ACK',
  '<- SYN,ACK seq -1 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT, SYN-RECEIVED/active: ack => ESTABLISHED (connected)
  SYN-RECEIVED/passive, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

event(
  'SYN,ACK of what was not sent',
  '<- SYN,ACK seq -1 ack N+1',
  `
  CLOSED, LISTEN, SYN-SENT: rst
  SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

event(
  'SYN,FIN in the window',
  '<- SYN,FIN seq R+5',
  `
  CLOSED: rst,ack
  LISTEN, SYN-SENT: syn,ack => SYN-RECEIVED
  SYN-RECEIVED/passive: nothing => LISTEN
  SYN-RECEIVED/active, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

// --- ACK -----------------------------------------------------------------------------------------------------------

event(
  'ACK of all that was sent',
  '<- ACK seq R ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT, FIN-WAIT-2, TIME-WAIT: nothing
  SYN-RECEIVED: nothing => ESTABLISHED (connected)
  ESTABLISHED, CLOSE-WAIT: nothing (drained)
  FIN-WAIT-1: nothing => FIN-WAIT-2
  CLOSING: nothing => TIME-WAIT (closed:ok)
  LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'ACK that repeats SND.UNA',
  '<- ACK seq R ack U',
  `
  CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED: rst
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: nothing
`,
);

event(
  'ACK of what was not sent',
  '<- ACK seq R ack N+1',
  `
  CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED: rst
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK: ack
  TIME-WAIT: nothing
`,
);

event(
  'ACK far too old',
  '<- ACK seq R ack U-70000',
  `
  CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED: rst
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK: ack
  TIME-WAIT: nothing
`,
);

event(
  'ACK below the window',
  '<- ACK seq R-1 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT: nothing
  SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

event(
  'ACK above the window',
  '<- ACK seq R+5000 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT: nothing
  SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

// --- RST -----------------------------------------------------------------------------------------------------------
// TIME-WAIT deviates from 3.10.7.4, second check: RFC 1337 3, F1.

event(
  'RST at RCV.NXT',
  '<- RST seq R',
  `
  CLOSED, LISTEN, SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED/passive: nothing => LISTEN
  SYN-RECEIVED/active: nothing => CLOSED (closed:refused)
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT: nothing => CLOSED (closed:reset)
  CLOSING, LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'RST elsewhere in the window',
  '<- RST seq R+1',
  `
  CLOSED, LISTEN, SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK: ack
`,
);

event(
  'RST below the window',
  '<- RST seq R-1',
  `
  CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: nothing
`,
);

event(
  'RST above the window',
  '<- RST seq R+5000',
  `
  CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: nothing
`,
);

event(
  'RST,ACK',
  '<- RST,ACK seq R ack N',
  `
  CLOSED, LISTEN, TIME-WAIT: nothing
  SYN-SENT, SYN-RECEIVED/active: nothing => CLOSED (closed:refused)
  SYN-RECEIVED/passive: nothing => LISTEN
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT: nothing => CLOSED (closed:reset)
  CLOSING, LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'RST,ACK of what was not sent',
  '<- RST,ACK seq R ack N+1',
  `
  CLOSED, LISTEN, SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED/passive: nothing => LISTEN
  SYN-RECEIVED/active: nothing => CLOSED (closed:refused)
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT: nothing => CLOSED (closed:reset)
  CLOSING, LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'SYN,RST at RCV.NXT',
  '<- SYN,RST seq R',
  `
  CLOSED, LISTEN, SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED/passive: nothing => LISTEN
  SYN-RECEIVED/active: nothing => CLOSED (closed:refused)
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT: nothing => CLOSED (closed:reset)
  CLOSING, LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'every flag there is',
  '<- SYN,FIN,RST,PSH,URG,ECE,CWR,ACK seq R ack N urg 1',
  `
  CLOSED, LISTEN, TIME-WAIT: nothing
  SYN-SENT, SYN-RECEIVED/active: nothing => CLOSED (closed:refused)
  SYN-RECEIVED/passive: nothing => LISTEN
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT: nothing => CLOSED (closed:reset)
  CLOSING, LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

// --- FIN -----------------------------------------------------------------------------------------------------------

event(
  'FIN',
  '<- FIN,ACK seq R ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED: ack taking 1 => CLOSE-WAIT (connected peerFinished)
  ESTABLISHED: ack taking 1 => CLOSE-WAIT (peerFinished drained)
  FIN-WAIT-1, FIN-WAIT-2: ack taking 1 => TIME-WAIT (peerFinished closed:ok)
  CLOSE-WAIT: nothing (drained)
  CLOSING: nothing => TIME-WAIT (closed:ok)
  LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'FIN, ours not acknowledged',
  '<- FIN,ACK seq R ack U',
  `
  CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED: rst
  ESTABLISHED: ack taking 1 => CLOSE-WAIT (peerFinished)
  FIN-WAIT-1: ack taking 1 => CLOSING (peerFinished)
  FIN-WAIT-2: ack taking 1 => TIME-WAIT (peerFinished closed:ok)
  CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: nothing
`,
);

event(
  'FIN below the window',
  '<- FIN,ACK seq R-1 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT: nothing
  SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

event(
  'FIN above the window',
  '<- FIN,ACK seq R+5000 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT: nothing
  SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

event(
  'FIN ahead of text',
  '<- FIN,ACK R+100:R+200 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED: ack => ESTABLISHED (connected)
  ESTABLISHED: ack (drained)
  FIN-WAIT-1: ack => FIN-WAIT-2
  FIN-WAIT-2: ack
  CLOSE-WAIT: nothing (drained)
  CLOSING: nothing => TIME-WAIT (closed:ok)
  LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'FIN without an ACK',
  '<- FIN seq R',
  `
  CLOSED: rst,ack
  LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: nothing
`,
);

// --- text ----------------------------------------------------------------------------------------------------------

event(
  'text in order',
  '<- PSH,ACK R:R+100 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED: ack taking 100 => ESTABLISHED (connected readable)
  ESTABLISHED: ack taking 100 (readable drained)
  FIN-WAIT-1: ack taking 100 => FIN-WAIT-2 (readable)
  FIN-WAIT-2: ack taking 100 (readable)
  CLOSE-WAIT: nothing (drained)
  CLOSING: nothing => TIME-WAIT (closed:ok)
  LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'text out of order',
  '<- PSH,ACK R+200:R+300 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED: ack => ESTABLISHED (connected)
  ESTABLISHED: ack (drained)
  FIN-WAIT-1: ack => FIN-WAIT-2
  FIN-WAIT-2: ack
  CLOSE-WAIT: nothing (drained)
  CLOSING: nothing => TIME-WAIT (closed:ok)
  LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'text across the left edge',
  '<- PSH,ACK R-50:R+50 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED: ack taking 50 => ESTABLISHED (connected readable)
  ESTABLISHED: ack taking 50 (readable drained)
  FIN-WAIT-1: ack taking 50 => FIN-WAIT-2 (readable)
  FIN-WAIT-2: ack taking 50 (readable)
  CLOSE-WAIT: nothing (drained)
  CLOSING: nothing => TIME-WAIT (closed:ok)
  LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'text across the right edge',
  '<- PSH,ACK R+4000:R+4200 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED: ack => ESTABLISHED (connected)
  ESTABLISHED: ack (drained)
  FIN-WAIT-1: ack => FIN-WAIT-2
  FIN-WAIT-2: ack
  CLOSE-WAIT: nothing (drained)
  CLOSING: nothing => TIME-WAIT (closed:ok)
  LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'text below the window',
  '<- PSH,ACK R-100:R ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT: nothing
  SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

event(
  'text above the window',
  '<- PSH,ACK R+5000:R+5100 ack N',
  `
  CLOSED, LISTEN: rst
  SYN-SENT: nothing
  SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

event(
  'text, its ACK of what was not sent',
  '<- PSH,ACK R:R+100 ack N+1',
  `
  CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED: rst
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK: ack
  TIME-WAIT: nothing
`,
);

event(
  'text, its ACK far too old',
  '<- PSH,ACK R:R+100 ack U-70000',
  `
  CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED: rst
  ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK: ack
  TIME-WAIT: nothing
`,
);

event(
  'text without an ACK',
  '<- PSH R:R+100',
  `
  CLOSED: rst,ack
  LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: nothing
`,
);

event(
  'urgent text',
  '<- URG,PSH,ACK R:R+100 ack N urg 50',
  `
  CLOSED, LISTEN: rst
  SYN-SENT, TIME-WAIT: nothing
  SYN-RECEIVED: ack taking 100 => ESTABLISHED (connected readable)
  ESTABLISHED: ack taking 100 (readable drained)
  FIN-WAIT-1: ack taking 100 => FIN-WAIT-2 (readable)
  FIN-WAIT-2: ack taking 100 (readable)
  CLOSE-WAIT: nothing (drained)
  CLOSING: nothing => TIME-WAIT (closed:ok)
  LAST-ACK: nothing => CLOSED (closed:ok)
`,
);

event(
  'no flag at all',
  '<- none seq R',
  `
  CLOSED: rst,ack
  LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: nothing
`,
);

event(
  'no flag at all, above the window',
  '<- none seq R+5000',
  `
  CLOSED: rst,ack
  LISTEN, SYN-SENT: nothing
  SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: ack
`,
);

// --- time ----------------------------------------------------------------------------------------------------------

event(
  'retransmission timeout',
  '+RTO',
  `
  CLOSED, LISTEN, FIN-WAIT-2, TIME-WAIT: nothing
  SYN-SENT: syn again
  SYN-RECEIVED: syn,ack again
  ESTABLISHED, CLOSE-WAIT: text again
  FIN-WAIT-1, CLOSING, LAST-ACK: fin again
`,
);

event(
  'user timeout',
  'set userTimeout 100ms; +100ms',
  `
  CLOSED, FIN-WAIT-2, TIME-WAIT: nothing
  LISTEN, SYN-RECEIVED/passive: n/a
  SYN-SENT, SYN-RECEIVED/active: nothing => CLOSED (closed:timed-out)
  ESTABLISHED, FIN-WAIT-1, CLOSE-WAIT, CLOSING, LAST-ACK: abort => CLOSED (closed:timed-out)
`,
);

event(
  '2 MSL',
  '+60s',
  `
  CLOSED, LISTEN, FIN-WAIT-2: nothing
  SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, CLOSE-WAIT, CLOSING, LAST-ACK: n/a
  TIME-WAIT: nothing => CLOSED
`,
);

// --- calls ---------------------------------------------------------------------------------------------------------

event(
  'OPEN',
  'connect',
  `
  CLOSED, LISTEN: new syn => SYN-SENT
  SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: error fails address-in-use
`,
);

event(
  'SEND',
  'write 10',
  `
  CLOSED, FIN-WAIT-1, FIN-WAIT-2, CLOSING, LAST-ACK, TIME-WAIT: error takes 0
  LISTEN, SYN-RECEIVED/passive: n/a
  SYN-SENT, SYN-RECEIVED/active: nothing
  ESTABLISHED, CLOSE-WAIT: text
`,
);

event(
  'RECEIVE',
  'read nothing',
  `
  CLOSED, SYN-SENT, SYN-RECEIVED/active, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: nothing
  LISTEN, SYN-RECEIVED/passive: n/a
`,
);

// SYN-SENT and SYN-RECEIVED deviate from 3.10.4: the FIN waits for the end of the handshake, as net.Socket.end() means it.
event(
  'CLOSE',
  'shutdown',
  `
  CLOSED, SYN-SENT, SYN-RECEIVED/active, FIN-WAIT-1, FIN-WAIT-2, CLOSING, LAST-ACK, TIME-WAIT: nothing
  LISTEN, SYN-RECEIVED/passive: n/a
  ESTABLISHED: fin => FIN-WAIT-1
  CLOSE-WAIT: fin => LAST-ACK
`,
);

// CLOSING and LAST-ACK deviate from 3.10.5, which has no reset: the peer may wait for a FIN that is lost.
event(
  'ABORT',
  'abort',
  `
  CLOSED: nothing
  LISTEN, SYN-RECEIVED/passive: n/a
  SYN-SENT: nothing => CLOSED (closed:aborted)
  SYN-RECEIVED/active, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK: abort => CLOSED (closed:aborted)
  TIME-WAIT: nothing => CLOSED
`,
);

event(
  'the listener closes',
  'unlisten',
  `
  CLOSED, SYN-SENT, SYN-RECEIVED/active, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK, TIME-WAIT: nothing
  LISTEN: nothing => CLOSED
  SYN-RECEIVED/passive: abort => CLOSED
`,
);
