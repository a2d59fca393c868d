// RFC 9293 3.5: establishing a connection.

import { script } from './script.ts';

script(
  'RFC 9293 3.5, figure 6: the basic three-way handshake, active side',
  `
  connect
  -> SYN win 65535 <mss 1440, sackok, ts 0 ecr 0, ws 9>
  state SYN-SENT
  told nothing
  +30ms <- SYN,ACK ack 0 <mss 1000>
  -> ACK seq 0 ack 0
  state ESTABLISHED
  told connected
  write 5
  -> PSH,ACK 0:5                          # figure 6, line 5: text, with the number that the bare ACK had
  `,
);

script(
  'RFC 9293 3.5, figure 6: the basic three-way handshake, passive side',
  `
  listen
  state LISTEN
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 win 65535 <mss 1440>   # no options but those that the SYN brought
  state SYN-RECEIVED
  told nothing
  +30ms <- ACK ack 0
  state ESTABLISHED
  told connected
  <- PSH,ACK 0:5
  +40ms -> ACK seq 0 ack 5
  `,
);

script(
  'RFC 9293 3.5, figure 7: simultaneous connection synchronization (MUST-10)',
  `
  connect
  -> SYN <mss 1440, sackok, ts 0 ecr 0, ws 9>
  +10ms <- SYN <mss 1000>
  -> SYN,ACK seq -1 ack 0 <mss 1440>
  state SYN-RECEIVED
  +10ms <- SYN,ACK seq -1 ack 0 <mss 1000>
  -> ACK seq 0 ack 0
  state ESTABLISHED
  told connected
  `,
);

script(
  'RFC 9293 3.5, figure 8: recovery from an old duplicate SYN',
  `
  given iss 100000
  listen
  <- SYN seq 499 <mss 1000>               # the old one, at 500 octets of today's numbers
  -> SYN,ACK seq -1 ack 500 <*>
  state SYN-RECEIVED
  <- RST seq 500                          # its sender finds an ACK of what it never sent
  state LISTEN
  +10ms <- SYN <mss 1000>
  -> SYN,ACK iss * ack 0 <*>
  +10ms <- ACK ack 0
  state ESTABLISHED
  told connected
  `,
);

script(
  'RFC 9293 3.5.1, figure 9: half-open connection discovery, by the end that still has it',
  `
  established
  write 100
  -> PSH,ACK 0:100
  +10ms <- ACK ack 100
  +60s <- SYN seq 5000 <mss 1000>         # the peer has crashed and opens anew
  -> ACK seq 100 ack 0                    # "ACK=100": what was expected (RFC 5961 4.2: a challenge)
  state ESTABLISHED
  +10ms <- RST seq 0                      # "SEQ=100, CTL=RST"
  state CLOSED
  told drained closed:reset
  `,
);

script(
  'RFC 9293 3.5.1, figure 10: active side causes half-open connection discovery',
  `
  established
  write 10
  -> PSH,ACK 0:10
  +20ms <- RST seq 0                      # the peer knows nothing of it: SEQ is our ACK
  state CLOSED
  told closed:reset
  `,
);

script(
  'RFC 9293 3.5.1, figure 11: an old duplicate SYN initiates a reset on two passive sockets',
  `
  listen
  <- SYN seq 700 <mss 1000>
  -> SYN,ACK seq -1 ack 701 <*>
  <- RST seq 701
  state LISTEN
  told nothing
  `,
);

script(
  'RFC 9293 3.5.2, group 1: no connection: a SYN is reset with sequence number zero and the ACK of its length',
  `
  <- SYN <mss 1000>
  -> RST,ACK abs 0 ack 0
  <- FIN 0:10
  -> RST,ACK abs 0 ack 11
  state CLOSED
  `,
);

script(
  'RFC 9293 3.5.2, group 1: no connection: what has an ACK is reset with its own acknowledgment number',
  `
  <- PSH,ACK 0:10 ack 4711
  -> RST seq 4711
  <- SYN,ACK ack 815
  -> RST seq 815
  <- RST,ACK ack 5                        # never in response to a reset
  <- RST
  `,
);

script(
  'RFC 9293 3.5.2, group 2: SYN-RECEIVED: an ACK of something not yet sent is reset',
  `
  listen
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  <- ACK ack 1
  -> RST seq 1
  <- ACK ack -1
  -> RST seq -1
  state SYN-RECEIVED
  <- ACK ack 0
  state ESTABLISHED
  `,
);

script(
  'RFC 9293 3.4: text may come with the SYN, and is not delivered before the connection is established',
  `
  listen
  <- SYN 0:100 <mss 1000>
  -> SYN,ACK ack 100 <mss 1440>
  told nothing
  +10ms <- ACK ack 0
  told connected readable
  read 100
  `,
);

script(
  'RFC 9293 3.10.7.2: text and FIN on the SYN are queued for processing later',
  `
  listen
  <- SYN,FIN 0:10 <mss 1000>
  -> SYN,ACK ack 10 <mss 1440>            # the FIN is taken when the connection is there
  state SYN-RECEIVED
  <- ACK seq 11 ack 0
  -> ACK seq 0 ack 11
  state CLOSE-WAIT
  told connected readable peerFinished
  read 10
  `,
);

script(
  'RFC 9293 3.10.7.2, first: a reset to LISTEN is ignored',
  `
  listen
  <- RST
  <- RST,ACK ack 77
  <- SYN,RST
  state LISTEN
  `,
);

script(
  'RFC 9293 3.10.7.2, second: any acknowledgment is bad if it arrives at LISTEN: reset <SEQ=SEG.ACK>',
  `
  listen
  <- ACK ack 77
  -> RST seq 77
  <- SYN,ACK ack 78
  -> RST seq 78
  <- FIN,ACK 0:10 ack 79
  -> RST seq 79
  state LISTEN
  `,
);

script(
  'RFC 9293 3.10.7.2, fourth: anything else at LISTEN is dropped',
  `
  listen
  <- none 0:100
  <- FIN
  <- PSH 0:5
  state LISTEN
  `,
);

script(
  'RFC 9293 3.10.7.3, first: SYN-SENT: an ACK that is not of our SYN is reset; none for a RST',
  `
  connect
  -> SYN <*>
  <- SYN,ACK ack 1
  -> RST seq 1
  <- SYN,ACK ack -1
  -> RST seq -1
  <- ACK ack 5
  -> RST seq 5
  <- RST,ACK ack 5
  state SYN-SENT
  told nothing
  `,
);

script(
  'RFC 9293 3.10.7.3, second: SYN-SENT: a RST with an acceptable ACK: "connection reset" (refused)',
  `
  connect
  -> SYN <*>
  <- RST,ACK abs 0 ack 0
  state CLOSED
  told closed:refused
  `,
);

script(
  'RFC 9293 3.10.7.3, second: SYN-SENT: a RST without an ACK is dropped',
  `
  connect
  -> SYN <*>
  <- RST
  <- RST abs 0
  state SYN-SENT
  told nothing
  `,
);

script(
  'RFC 9293 3.10.7.3, fifth: SYN-SENT: neither SYN nor RST: dropped, its good ACK notwithstanding',
  `
  connect
  -> SYN <*>
  <- ACK ack 0
  <- FIN,ACK ack 0
  <- PSH,ACK 0:10 ack 0
  state SYN-SENT
  +1s -> SYN <*>
  `,
);

script(
  'RFC 9293 3.10.7.3, fourth: text on the SYN,ACK is taken',
  `
  connect
  -> SYN <*>
  +10ms <- SYN,ACK 0:100 ack 0 <mss 1000>
  -> ACK seq 0 ack 100
  told connected readable
  read 100
  `,
);

script(
  'RFC 9293 3.10.7.3, fourth: FIN on the SYN,ACK leads to CLOSE-WAIT',
  `
  connect
  -> SYN <*>
  +10ms <- SYN,FIN,ACK 0:50 ack 0 <mss 1000>
  -> ACK seq 0 ack 51
  state CLOSE-WAIT
  told connected readable peerFinished
  `,
);

script(
  'RFC 9293 3.10.7.4, second: SYN-RECEIVED from a passive open returns to LISTEN on a RST, the user is not told',
  `
  listen
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  <- RST seq 1                            # not at RCV.NXT: RFC 5961 3.2
  -> ACK seq 0 ack 0
  state SYN-RECEIVED
  <- RST seq 0
  state LISTEN
  told nothing
  +60s nothing
  `,
);

script(
  'RFC 9293 3.10.7.4, second: SYN-RECEIVED from an active open: connection refused',
  `
  connect
  -> SYN <*>
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  state SYN-RECEIVED
  <- RST seq 0
  state CLOSED
  told closed:refused
  `,
);

script(
  'RFC 9293 3.10.7.4, fourth: SYN-RECEIVED from a passive open returns to LISTEN on a SYN in the window',
  `
  listen
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  <- SYN seq 100
  state LISTEN
  `,
);

script(
  'RFC 9293 3.10.7.4, first: SYN-RECEIVED: the SYN that comes again is answered with the SYN,ACK again',
  `
  listen
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <mss 1440>
  +300ms <- SYN <mss 1000>
  -> SYN,ACK seq -1 <mss 1440>
  +20ms <- ACK ack 0
  state ESTABLISHED
  `,
);

script(
  'RFC 9293 3.10.7.4, fifth: SYN-RECEIVED: text with the ACK that establishes is delivered, a FIN too',
  `
  listen
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  <- FIN,PSH,ACK 0:700 ack 0
  -> ACK seq 0 ack 701
  state CLOSE-WAIT
  told connected readable peerFinished
  read 700
  `,
);

script(
  'RFC 9293 3.10.7.4, fifth: SYN-RECEIVED: the ACK may be lost if text follows it',
  `
  listen
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  +10ms <- PSH,ACK 0:1000 ack 0
  state ESTABLISHED
  <- PSH,ACK 1000:2000
  -> ACK seq 0 ack 2000
  `,
);

script(
  'RFC 9293 3.8.3: R2 of a SYN is at least 3 minutes (MUST-23): 300 s here',
  `
  connect
  -> SYN <*>
  +1s -> SYN <*>
  +2s -> SYN <*>
  +4s -> SYN <*>
  +8s -> SYN <*>
  +16s -> SYN <*>
  +32s -> SYN <*>
  +60s -> SYN <*>
  +60s -> SYN <*>
  +60s -> SYN <*>
  +56.999s nothing
  state SYN-SENT
  +1ms nothing
  state CLOSED
  told closed:timed-out
  `,
);

script(
  'RFC 9293 3.8.3: a SYN,ACK that nobody answers is given up after its fifth repetition, the user is not told',
  `
  listen
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  +1s -> SYN,ACK seq -1 <*>
  +2s -> SYN,ACK seq -1 <*>
  +4s -> SYN,ACK seq -1 <*>
  +8s -> SYN,ACK seq -1 <*>
  +16s -> SYN,ACK seq -1 <*>
  +32s nothing
  state LISTEN
  told nothing
  +300s nothing
  `,
);

script(
  'RFC 9293 3.10.1: OPEN of a pair that has a connection: "connection already exists"',
  `
  connect
  -> SYN <*>
  connect fails address-in-use
  <- SYN,ACK ack 0
  -> ACK ack 0
  connect fails address-in-use
  state ESTABLISHED
  `,
);

script(
  'RFC 9293 3.9.1.1: a passive OPEN accepts further peers while a connection is there (MUST-41, MUST-42)',
  `
  accepted
  <- SYN seq -1 port 81 <mss 1000>
  -> SYN,ACK port 81 iss * ack 0 <*>
  <- ACK seq 0 ack 0 port 81
  told connected
  <- FIN,ACK port 81
  -> ACK seq 0 ack 1 port 81
  `,
);

script(
  'RFC 9293 3.10.2: SEND in SYN-SENT queues the data for transmission after entering ESTABLISHED',
  `
  connect
  -> SYN <*>
  write 1500
  +10ms <- SYN,ACK ack 0 <mss 1000>
  -> ACK 0:1000 ack 0
  +10ms <- ACK ack 1000
  -> PSH,ACK 1000:1500
  `,
);

script(
  'RFC 9293 3.10.4: CLOSE in SYN-SENT: the FIN is sent after the handshake (deviates: as net.Socket.end())',
  `
  connect
  -> SYN <*>
  shutdown
  state SYN-SENT
  +10ms <- SYN,ACK ack 0 <mss 1000>
  -> FIN,ACK seq 0 ack 0
  state FIN-WAIT-1
  told connected
  `,
);

script(
  'RFC 9293 3.5: simultaneous open: a bare ACK of our SYN establishes as well',
  `
  connect
  -> SYN <*>
  <- SYN <mss 1000>
  -> SYN,ACK seq -1 ack 0 <*>
  +10ms <- ACK ack 0
  state ESTABLISHED
  told connected
  `,
);

script(
  'RFC 9293 3.5: simultaneous open: our SYN,ACK is lost: it is sent again, with what the peer offered',
  `
  connect
  -> SYN <*>
  +10ms <- SYN <mss 1000, sackok>
  -> SYN,ACK seq -1 ack 0 <mss 1440, sackok>
  +990ms -> SYN,ACK seq -1 ack 0 <mss 1440, sackok>
  +10ms <- SYN,ACK seq -1 ack 0 <mss 1000, sackok>
  -> ACK seq 0 ack 0
  state ESTABLISHED
  `,
);

script(
  'RFC 9293 3.5: simultaneous open: the SYN,ACK of the peer comes twice: the second draws an ACK',
  `
  connect
  -> SYN <*>
  <- SYN <mss 1000>
  -> SYN,ACK seq -1 ack 0 <*>
  <- SYN,ACK seq -1 ack 0 <mss 1000>
  -> ACK seq 0 ack 0
  +1s <- SYN,ACK seq -1 ack 0 <mss 1000>
  -> ACK
  state ESTABLISHED
  `,
);

script(
  'RFC 9293 3.5: simultaneous open: text written before goes out when the connection is there',
  `
  connect
  -> SYN <*>
  write 100
  <- SYN <mss 1000>
  -> SYN,ACK seq -1 ack 0 <*>
  <- SYN,ACK seq -1 ack 0 <mss 1000>
  -> PSH,ACK 0:100 ack 0
  `,
);

script(
  'RFC 9293 3.5: the ACK of the handshake is lost: the SYN,ACK that comes again draws it once more',
  `
  established
  +1s <- SYN,ACK seq -1 ack 0 <mss 1000>
  -> ACK seq 0 ack 0
  state ESTABLISHED
  `,
);
