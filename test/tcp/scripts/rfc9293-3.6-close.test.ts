// RFC 9293 3.6: closing a connection; TIME-WAIT with RFC 1337 and RFC 6191.

import { script } from './script.ts';

script(
  'RFC 9293 3.6, figure 12: normal close sequence, the side that closes first (MUST-13)',
  `
  established rtt 20ms
  shutdown
  -> FIN,ACK
  state FIN-WAIT-1
  +20ms <- ACK ack 1
  state FIN-WAIT-2
  told nothing
  +5ms <- FIN,ACK
  -> ACK ack 1
  state TIME-WAIT
  told peerFinished closed:ok
  +59.999s nothing
  state TIME-WAIT
  +1ms nothing                            # 2 MSL
  state CLOSED
  `,
);

script(
  'RFC 9293 3.6, figure 12: normal close sequence, the other side',
  `
  established rtt 20ms
  <- FIN,ACK
  -> ACK ack 1
  state CLOSE-WAIT
  told peerFinished
  +1s shutdown
  -> FIN,ACK
  state LAST-ACK
  +20ms <- ACK ack 1
  state CLOSED
  told closed:ok
  `,
);

script(
  'RFC 9293 3.6, figure 13: simultaneous close sequence',
  `
  established rtt 20ms
  shutdown
  -> FIN,ACK
  +10ms <- FIN,ACK ack 0
  -> ACK ack 1
  state CLOSING
  told peerFinished
  +10ms <- ACK ack 1
  state TIME-WAIT
  told closed:ok
  `,
);

script(
  'RFC 9293 3.6, case 1: FIN of the peer with the ACK of ours leads from FIN-WAIT-1 to TIME-WAIT',
  `
  established rtt 20ms
  shutdown
  -> FIN,ACK
  +20ms <- FIN,ACK ack 1
  -> ACK ack 1
  state TIME-WAIT
  `,
);

script(
  'RFC 9293 3.6, case 1: segments preceding and including the FIN are retransmitted until acknowledged',
  `
  established rtt 100ms
  write 10
  -> PSH,ACK 0:10
  shutdown
  -> FIN,ACK
  +300ms -> FIN,PSH,ACK 0:10              # both lost; RTO = 100 + 4 * 50; one segment does for both
  +600ms -> FIN,PSH,ACK 0:10
  state FIN-WAIT-1
  +20ms <- ACK ack 11
  state FIN-WAIT-2
  `,
);

script(
  'RFC 9293 3.6: a user that has closed continues to receive until the peer closes too (half-close, MAY-1)',
  `
  established rtt 20ms
  shutdown
  -> FIN,ACK
  +20ms <- ACK ack 1
  <- PSH,ACK 0:2000/1000
  -> ACK ack 2000
  read 2000
  +10s <- FIN,ACK 2000:2100
  -> ACK ack 2101
  read 100
  state TIME-WAIT
  told readable readable peerFinished closed:ok
  `,
);

script(
  'RFC 9293 3.6, case 2: the user may still send after the peer has closed',
  `
  established rtt 20ms
  <- FIN,ACK
  -> ACK ack 1
  write 1500
  -> ACK 0:1000
  +20ms <- ACK ack 1000
  -> PSH,ACK 1000:1500
  +20ms <- ACK ack 1500
  shutdown
  -> FIN,ACK
  state LAST-ACK
  `,
);

script(
  'RFC 9293 3.6, case 2: what has been received before the FIN is still read after the end',
  `
  established
  <- FIN,ACK 0:300
  -> ACK ack 301
  shutdown
  -> FIN,ACK
  <- ACK ack 1
  state CLOSED
  read 300
  read nothing
  told readable peerFinished closed:ok
  `,
);

script(
  'RFC 9293 3.10.4: CLOSE is queued until all preceding SENDs have been segmentized',
  `
  established <mss 1000> win 1500
  write 2500
  -> ACK 0:1000
  shutdown
  state FIN-WAIT-1
  +10ms <- ACK ack 1000
  -> ACK 1000:2000
  -> PSH,ACK 2000:2500                    # the FIN takes a number too, for which there is no window yet
  +10ms <- ACK ack 2000
  -> FIN,ACK
  +10ms <- ACK ack 2501
  state FIN-WAIT-2
  `,
);

script(
  'RFC 9293 3.10.7.4, seventh: text in FIN-WAIT-1 is taken and acknowledged',
  `
  established
  shutdown
  -> FIN,ACK
  <- ACK 0:1000 ack 0
  <- ACK 1000:2000
  -> ACK ack 2000
  state FIN-WAIT-1
  read 2000
  `,
);

script(
  'RFC 9293 3.10.7.4, seventh: text after the FIN of the peer is ignored',
  `
  established
  <- FIN,ACK 0:10
  -> ACK ack 11
  <- PSH,ACK 11:30                        # in the window by its number, and a lie
  state CLOSE-WAIT
  read 10
  read nothing
  `,
);

script(
  'RFC 9293 3.10.7.4, eighth: a FIN out of order waits for what precedes it',
  `
  established
  <- FIN,ACK 100:150
  -> ACK ack 0
  told nothing
  state ESTABLISHED
  <- ACK 0:100
  -> ACK ack 151
  state CLOSE-WAIT
  told readable peerFinished
  read 150
  `,
);

script(
  'RFC 9293 3.10.7.4, eighth: a FIN beyond the window is not taken',
  `
  established with receiveBuffer 4096
  <- FIN,ACK 0:4096                       # the text fits to the octet, the FIN does not
  -> ACK ack 4096 win 0
  state ESTABLISHED
  told readable
  read 4096
  -> ACK win 4096
  <- FIN,ACK seq 4096
  -> ACK ack 4097
  state CLOSE-WAIT
  `,
);

script(
  'RFC 9293 3.10.7.4, eighth: TIME-WAIT: a FIN that comes again is acknowledged and restarts the 2 MSL timeout',
  `
  established
  shutdown
  -> FIN,ACK
  <- FIN,ACK ack 1
  -> ACK ack 1
  +40s <- FIN,ACK seq 0
  -> ACK
  +59s nothing
  state TIME-WAIT
  +1s nothing
  state CLOSED
  `,
);

script(
  'RFC 9293 3.10.7.4, eighth: a FIN that comes again in CLOSE-WAIT, CLOSING and LAST-ACK is acknowledged, no more',
  `
  established
  <- FIN,ACK
  -> ACK ack 1
  <- FIN,ACK seq 0
  -> ACK
  state CLOSE-WAIT
  shutdown
  -> FIN,ACK
  <- FIN,ACK seq 0
  -> ACK seq 1
  state LAST-ACK
  `,
);

script(
  'RFC 1337 3, F1: TIME-WAIT assassination: a RST is ignored in TIME-WAIT',
  `
  established
  shutdown
  -> FIN,ACK
  <- FIN,ACK 0:100 ack 1
  -> ACK ack 101
  state TIME-WAIT
  +1s <- ACK 0:100                        # figure 1, (5.1): an old duplicate
  -> ACK                                  # (5.2) and the ACK it draws
  <- RST seq 101                          # (5.3) to which the peer, long closed, answers
  <- RST seq 150
  +1s nothing
  state TIME-WAIT
  `,
);

script(
  'RFC 9293 3.6.1: a new SYN with larger numbers is accepted directly from TIME-WAIT, its ISS larger too (MAY-2)',
  `
  accepted
  shutdown
  -> FIN,ACK
  <- FIN,ACK ack 1
  -> ACK ack 1
  state TIME-WAIT
  new-iss 70000
  +1s <- SYN <mss 1000>
  -> SYN,ACK iss 65538 ack 0 <mss 1440>   # SND.NXT of the old one and 65536 more
  <- ACK ack 0
  state ESTABLISHED
  `,
);

script(
  'RFC 6191 2: timestamps on both: a SYN with a greater one is honoured whatever its number',
  `
  accepted <mss 1000, ts 1000>
  shutdown
  -> FIN,ACK
  <- FIN,ACK ack 1
  -> ACK ack 1
  new-iss -50000
  +1s <- SYN <mss 1000, ts 1001>
  -> SYN,ACK iss * ack 0 <*>
  `,
);

script(
  'RFC 6191 2: timestamps on both: a SYN with a smaller one is an old duplicate, though its number is larger',
  `
  accepted <mss 1000, ts 1000>
  shutdown
  -> FIN,ACK
  <- FIN,ACK ack 1
  -> ACK ack 1
  +1s <- SYN seq 50000 <mss 1000, ts 999>
  -> ACK                                  # RFC 9293 3.10.7.4 wants the challenge of RFC 5961
  state TIME-WAIT
  `,
);

script(
  'RFC 6191 2: timestamps on both and equal: the sequence number decides',
  `
  accepted <mss 1000, ts 1000>
  shutdown
  -> FIN,ACK
  <- FIN,ACK ack 1 <ts 1500>
  -> ACK ack 1
  +1s <- SYN seq 0 <mss 1000, ts 1500>    # the FIN was there
  -> ACK
  state TIME-WAIT
  new-iss 3
  <- SYN <mss 1000, ts 1500>
  -> SYN,ACK iss * ack 0 <*>
  `,
);

script(
  'RFC 6191 2: timestamps on the new SYN alone: it is honoured whatever its number',
  `
  accepted
  shutdown
  -> FIN,ACK
  <- FIN,ACK ack 1
  -> ACK ack 1
  new-iss -50000
  +1s <- SYN <mss 1000, ts 1>
  -> SYN,ACK iss * ack 0 <*>
  `,
);

script(
  'RFC 6191 2: timestamps on the old connection alone: the sequence number decides',
  `
  accepted <mss 1000, ts 1000>
  shutdown
  -> FIN,ACK
  <- FIN,ACK ack 1
  -> ACK ack 1
  +1s <- SYN seq -500 <mss 1000, nots>
  state TIME-WAIT
  new-iss 500
  <- SYN <mss 1000, nots>
  -> SYN,ACK iss * ack 0 <mss 1440>
  `,
);

script(
  'RFC 9293 3.10.5: ABORT sends <SEQ=SND.NXT><CTL=RST> and tells the user at once',
  `
  established
  write 2000
  -> ACK 0:1000
  -> PSH,ACK 1000:2000
  abort
  -> RST,ACK seq 2000
  state CLOSED
  told closed:aborted
  +300s nothing
  `,
);

script(
  'RFC 9293 3.10.5: ABORT in SYN-SENT deletes the TCB without a word, in TIME-WAIT too',
  `
  connect
  -> SYN <*>
  abort
  state CLOSED
  told closed:aborted
  +8ms connect
  -> SYN iss 2000 <*>
  <- SYN,ACK ack 0 <mss 1000>
  -> ACK ack 0
  shutdown
  -> FIN,ACK
  <- FIN,ACK ack 1
  -> ACK ack 1
  state TIME-WAIT
  abort
  state CLOSED
  `,
);

script(
  'RFC 9293 3.10.5: ABORT in SYN-RECEIVED, FIN-WAIT-2 and CLOSE-WAIT sends a reset',
  `
  established
  shutdown
  -> FIN,ACK
  <- ACK ack 1
  abort
  -> RST,ACK seq 1
  +8ms connect
  -> SYN iss 2000 <*>
  <- SYN,ACK ack 0 seq -1 <mss 1000>
  -> ACK ack 0
  <- FIN,ACK seq 0
  -> ACK ack 1
  abort
  -> RST,ACK seq 0
  state CLOSED
  `,
);

script(
  'RFC 9293 3.10.7.4, fifth: LAST-ACK: the ACK of our FIN ends the connection; a copy of it is not reset',
  `
  established
  <- FIN,ACK
  -> ACK ack 1
  shutdown
  -> FIN,ACK
  <- ACK ack 1
  <- ACK                                  # deviates from 3.10.7.1, see the README
  state CLOSED
  +1s <- ACK
  -> RST seq 1
  `,
);

script(
  'RFC 9293 3.6: a FIN needs the window too: it waits where the window is shut, and is asked for by probes',
  `
  established rtt 100ms win 0
  shutdown
  state FIN-WAIT-1
  +300ms -> ACK seq -1
  +10ms <- ACK win 1
  -> FIN,ACK seq 0
  +10ms <- ACK ack 1
  state FIN-WAIT-2
  `,
);

script(
  'RFC 9293 3.6: CLOSE with text that the peer does not take: the connection is kept until the user timeout',
  `
  established rtt 100ms win 0 with userTimeout 1s
  write 10
  shutdown
  +300ms -> ACK seq -1
  +600ms -> ACK seq -1
  +100ms -> RST,ACK seq 0
  state CLOSED
  told closed:timed-out
  `,
);

script(
  'RFC 9293 3.6: the peer resets while we close: text that is not acknowledged makes it an error',
  `
  established
  <- FIN,ACK
  -> ACK ack 1
  write 10
  -> PSH,ACK 0:10
  shutdown
  -> FIN,ACK
  state LAST-ACK
  <- RST seq 1
  state CLOSED
  told peerFinished closed:reset
  `,
);

script(
  'RFC 9293 3.10.7.4, second: text on a RST is of no account',
  `
  established
  <- PSH,ACK 0:10
  <- RST 10:20
  state CLOSED
  read 10
  read nothing
  told readable closed:reset
  `,
);
