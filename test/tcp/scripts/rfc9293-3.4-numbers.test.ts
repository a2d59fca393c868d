// RFC 9293 3.4: sequence numbers; which segments are acceptable (table 6), and numbers that wrap.

import { script } from './script.ts';

script(
  'RFC 9293 3.4, table 6: length 0, window 0: only SEG.SEQ = RCV.NXT is acceptable',
  `
  established with receiveBuffer 4096
  <- ACK 0:4096
  -> ACK ack 4096 win 0
  <- ACK seq 4097
  -> ACK
  <- ACK seq 4095
  -> ACK
  <- ACK seq 4096                         # acceptable: nothing to answer
  `,
);

script(
  'RFC 9293 3.4, table 6: length 0, window > 0: RCV.NXT =< SEG.SEQ < RCV.NXT + RCV.WND',
  `
  established with receiveBuffer 4096
  <- ACK seq 0
  <- ACK seq 4095
  <- ACK seq 4097
  -> ACK win 4096
  <- ACK seq -1                           # a keep-alive: below the window
  -> ACK
  `,
);

script(
  'RFC 9293 3.4, table 6: length > 0, window 0: not acceptable, but answered (3.10.7.4)',
  `
  established with receiveBuffer 4096
  <- ACK 0:4096
  -> ACK ack 4096 win 0
  <- ACK 4096:5096
  -> ACK ack 4096 win 0
  <- ACK 4096:4097
  -> ACK ack 4096 win 0
  read 4096
  -> ACK win 4096
  read nothing
  `,
);

script(
  'RFC 9293 3.4, table 6: length > 0, window > 0: one end inside is enough, and the segment is trimmed',
  `
  established with receiveBuffer 4096
  <- ACK 0:1000
  <- ACK 500:1500                         # its front is old
  +40ms -> ACK ack 1500 win 2596
  <- ACK 3500:4500                        # its end lies beyond 4096
  -> ACK ack 1500
  <- ACK 1500:3500
  -> ACK ack 4096 win 0
  read 4096
  -> ACK win 4096
  `,
);

script(
  'RFC 9293 3.4, table 6: a segment entirely before or beyond the window is answered with an ACK and dropped',
  `
  established with receiveBuffer 4096
  <- ACK 0:1000
  +40ms -> ACK ack 1000
  <- PSH,ACK 200:800 garbled
  -> ACK
  <- PSH,ACK 5000:5100
  -> ACK
  read 1000
  read nothing
  `,
);

script(
  'RFC 9293 3.4, table 6: a segment larger than the window on both sides: the first octets are text already there',
  `
  established with receiveBuffer 4096
  <- ACK 0:2000
  +40ms -> ACK ack 2000 win 2096
  <- ACK 1000:6000                        # neither end is in the window: not acceptable by the table
  -> ACK
  read 2000
  `,
);

script(
  'RFC 9293 3.4: the peer wraps past 2**32 in mid-stream',
  `
  given iss 4294966000
  established
  <- ACK 0:1000
  <- ACK 1000:2000
  -> ACK ack 2000
  <- PSH,ACK 2000:3000
  +40ms -> ACK ack 3000
  read 3000
  <- FIN,ACK
  -> ACK ack 3001
  `,
);

script(
  'RFC 9293 3.4: out of order across the wrap of the peer',
  `
  given iss 4294966000
  established <mss 1000, sackok>
  <- ACK 1000:2000
  -> ACK ack 0 <sack 1000:2000>
  <- ACK 2000:3000
  -> ACK <sack 1000:3000>
  <- ACK 0:1000
  -> ACK ack 3000
  read 3000
  `,
);

script(
  'RFC 9293 3.4.1: the ISN is bound to a clock that ticks every 4 microseconds (MUST-8)',
  `
  connect
  -> SYN <*>
  abort
  +4ms connect
  -> SYN iss 1000 <*>
  abort
  +1s connect
  -> SYN iss 250000 <*>
  `,
);

script(
  'RFC 9293 3.10.7.4, fifth: SEG.ACK > SND.NXT acks what is not sent yet: an ACK, and the segment is dropped',
  `
  established
  write 100
  -> PSH,ACK 0:100
  <- PSH,ACK 0:10 ack 101
  -> ACK seq 100 ack 0
  read nothing
  `,
);

script(
  'RFC 9293 3.10.7.4, fifth: SEG.ACK =< SND.UNA is a duplicate and can be ignored; the text of it is taken',
  `
  established
  write 100
  -> PSH,ACK 0:100
  <- ACK ack 100
  <- ACK 0:10 ack 50
  +40ms -> ACK ack 10
  read 10
  `,
);

script(
  'RFC 9293 3.10.7.4, fifth: a segment without the ACK bit is dropped',
  `
  established
  <- PSH 0:10
  <- none 0:10
  <- FIN
  read nothing
  state ESTABLISHED
  `,
);

script(
  'RFC 9293 3.10.7.4, fifth: SND.WL1 and SND.WL2: an old segment does not bring back an old window',
  `
  established win 3000
  <- ACK 0:10 win 2000
  <- ACK seq 0 win 4000                   # older than 0:10 by its number
  -> ACK ack 10                           # and not in the window any more
  write 4000
  -> ACK 0:1000
  -> ACK 1000:2000
  +10ms <- ACK seq 10 ack 2000 win 1000
  -> ACK 2000:3000
  `,
);

script(
  'RFC 9293 3.10.7.4, fifth: SND.WL2: with equal SEG.SEQ the greater ACK decides',
  `
  established win 3000
  write 5000
  -> ACK 0:3000/1000
  +10ms <- ACK ack 2000 win 2000          # room up to 4000
  -> ACK 3000:4000
  <- ACK ack 1000 win 65000               # overtaken on its way
  `,
);

script(
  'RFC 9293 3.10.7.4, seventh: text that fills the window to its last octet, then one more',
  `
  established with receiveBuffer 4096 delayedAck off
  <- ACK 0:4095
  -> ACK ack 4095 win 1
  <- ACK 4095:4097
  -> ACK ack 4096 win 0
  <- ACK 4096:4097
  -> ACK ack 4096 win 0
  read 4096
  -> ACK win 4096
  `,
);

script(
  'RFC 9293 3.10.7.4, seventh: a gap of one octet holds back what follows it',
  `
  established with delayedAck off
  <- ACK 1:1000
  -> ACK ack 0
  read nothing
  <- ACK 0:1
  -> ACK ack 1000
  read 1000
  `,
);

script(
  'RFC 9293 3.10.7.4, seventh: overlapping segments in any order make one stream',
  `
  established with delayedAck off
  <- ACK 500:900
  -> ACK ack 0
  <- ACK 300:600
  -> ACK
  <- ACK 800:1200
  -> ACK
  <- ACK 0:100
  -> ACK ack 100
  <- ACK 50:400
  -> ACK ack 1200
  read 1200
  `,
);

script(
  'RFC 9293 3.4: our own numbers wrap in mid-flight, and a loss lies right there',
  `
  given clock 9141.0571s                  # our ISN is 4995 below 2**32
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 4000 <sack 5000:10000>
  -> ACK 4000:5000
  +100ms <- ACK ack 10000
  told drained
  shutdown
  -> FIN,ACK seq 10000
  `,
);

script(
  'RFC 9293 3.10.7.4, first: the window is zero: the ACK of a segment whose text is not taken is, and its RST',
  `
  established with receiveBuffer 4096 delayedAck off
  <- ACK 0:4096
  -> ACK ack 4096 win 0
  write 10
  -> PSH,ACK 0:10
  told readable
  <- PSH,ACK 4096:4196 ack 10
  -> ACK win 0
  told drained
  <- RST seq 4096
  state CLOSED
  `,
);

script(
  'RFC 9293 3.10.7.4, first: an ACK at the right edge of a window that is full of what is under way is taken',
  `
  established <mss 1000, sackok> with receiveBuffer 4096
  write 10
  -> PSH,ACK 0:10
  <- ACK seq 4096 ack 10                  # 0:4096 has been sent, and is late or lost
  told drained
  `,
);

script(
  'RFC 9293 3.10.7.4, seventh: text behind a FIN that still waits for its turn is ignored',
  `
  established with delayedAck off
  <- FIN,ACK 100:200
  -> ACK ack 0
  <- ACK 150:300
  <- ACK 0:100
  -> ACK ack 201
  read 200
  read nothing
  state CLOSE-WAIT
  `,
);
