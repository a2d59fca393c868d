// RFC 9293 3.5: establishing a connection.

import { script } from './script.ts';

script(
  'RFC 9293 3.5, figure 6: the basic three-way handshake, active side',
  `
  connect
  -> SYN win 65535 <mss 1440, sackok, ts 0 ecr 0, ws 5>
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
  -> SYN <mss 1440, sackok, ts 0 ecr 0, ws 5>
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
