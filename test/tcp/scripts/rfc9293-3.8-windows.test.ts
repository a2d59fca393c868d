// RFC 9293 3.8: data communication: retransmission limits, keep-alives, urgent text, and the window both ways.

import { script } from './script.ts';

script(
  'RFC 9293 3.8.3: data is given up when the user timeout is over (R2), and the peer is reset',
  `
  established rtt 100ms with userTimeout 2s
  write 10
  -> PSH,ACK 0:10
  +300ms -> PSH,ACK 0:10
  +600ms -> PSH,ACK 0:10
  +1.1s -> RST,ACK seq 10
  state CLOSED
  told closed:timed-out
  `,
);

script(
  'RFC 9293 3.8.3: an acknowledgment of anything starts the user timeout anew',
  `
  established rtt 100ms with userTimeout 2s
  write 2000
  -> ACK 0:1000
  -> PSH,ACK 1000:2000
  +300ms -> ACK 0:1000
  +600ms -> ACK 0:1000
  +1s <- ACK ack 1000
  -> PSH,ACK 1000:2000
  +600ms~600ms -> PSH,ACK 1000:2000
  state ESTABLISHED
  `,
);

script(
  'RFC 9293 3.8.4: keep-alives are off by default (MUST-25)',
  `
  established
  +10000s nothing
  state ESTABLISHED
  `,
);

script(
  'RFC 9293 3.8.4: keep-alives: <SEQ=SND.NXT-1> after the idle time; an answer starts it anew (MUST-27)',
  `
  established with keepAlive 7200s
  +7200s -> ACK seq -1
  +10ms <- ACK ack 0
  +7200s -> ACK seq -1
  `,
);

script(
  'RFC 9293 3.8.4: failure to answer one probe is no dead connection (MUST-29): nine are, 75 s apart',
  `
  established with keepAlive 60s
  +60s -> ACK seq -1
  +75s -> ACK seq -1
  +75s -> ACK seq -1
  +75s -> ACK seq -1
  +75s -> ACK seq -1
  +75s -> ACK seq -1
  +75s -> ACK seq -1
  +75s -> ACK seq -1
  +75s -> ACK seq -1
  +75s -> RST,ACK seq 0
  state CLOSED
  told closed:timed-out
  `,
);

script(
  'RFC 9293 3.8.4: whatever the peer sends starts the idle time anew',
  `
  established with keepAlive 60s
  +50s <- PSH,ACK 0:10
  +40ms -> ACK ack 10
  +59.96s -> ACK seq -1
  `,
);

script(
  'RFC 9293 3.8.4: the probe of a peer, <SEQ=RCV.NXT-1>, is answered with an ACK',
  `
  established
  <- ACK seq -1
  -> ACK
  <- PSH,ACK -1:0 garbled                 # some send an octet with it
  -> ACK
  read nothing
  `,
);

script(
  'RFC 9293 3.8.5: urgent text is delivered in line (RFC 6093 6)',
  `
  established
  <- URG,PSH,ACK 0:100 urg 50
  +40ms -> ACK ack 100
  read 100
  `,
);

script(
  'RFC 9293 3.8.5: an urgent pointer of any length is supported (MUST-31), beyond what has come too',
  `
  established
  <- URG,ACK 0:100 urg 65535
  +40ms -> ACK ack 100
  <- URG,ACK 100:200 urg 65535
  <- ACK 200:300
  read 300
  +40ms -> ACK ack 300
  `,
);

script(
  'RFC 9293 3.8.6: the sender must be prepared for a window that shrinks (MUST-34): nothing new above it',
  `
  established win 3000
  write 5000
  -> ACK 0:3000/1000
  +10ms <- ACK ack 1000 win 1000          # the right edge moves back from 3000 to 2000
  +10ms <- ACK ack 2000 win 1000
  +10ms <- ACK ack 3000 win 1000
  -> ACK 3000:4000
  `,
);

script(
  'RFC 9293 3.8.6: what was sent before the window shrank is sent again all the same (SHLD-15 to SHLD-17)',
  `
  established rtt 100ms win 2000
  write 2000
  -> ACK 0:1000
  -> PSH,ACK 1000:2000
  +100ms <- ACK ack 1000 win 0            # the second is beyond the edge now
  +250ms -> PSH,ACK 1000:2000             # RTO = 100 + 4 * 37.5
  `,
);

script(
  'RFC 9293 3.8.6.1: zero-window probing: first after an RTO, then exponentially (MUST-36, SHLD-29, SHLD-30)',
  `
  established rtt 100ms win 0
  write 10
  +300ms -> ACK seq -1                    # an old number, no octet: see the README
  +600ms -> ACK seq -1
  +1.2s -> ACK seq -1
  +2.4s -> ACK seq -1
  <- ACK win 500
  -> PSH,ACK 0:10
  `,
);

script(
  'RFC 9293 3.8.6.1: as long as probes are answered the connection stays open (MUST-37)',
  `
  established rtt 100ms win 0 with userTimeout 3s
  write 10
  +300ms -> ACK seq -1
  <- ACK ack 0
  +600ms -> ACK seq -1
  <- ACK ack 0
  +1.2s -> ACK seq -1
  <- ACK ack 0
  +2.4s -> ACK seq -1
  <- ACK ack 0
  +3s -> RST,ACK seq 0                    # nobody answered any more
  told closed:timed-out
  `,
);

script(
  'RFC 9293 3.8.6.1: a window that opens is used at once, and probing starts over when it shuts again',
  `
  established rtt 100ms win 0
  write 1500
  +300ms -> ACK seq -1
  +600ms -> ACK seq -1
  +10ms <- ACK win 1000
  -> ACK 0:1000
  +100ms <- ACK ack 1000 win 0
  +250ms -> ACK seq 999
  `,
);

script(
  'RFC 9293 3.8.6.2.1: sender SWS avoidance, (2) and (3): a piece of the window is not used if it is below half of the largest',
  `
  established win 2000
  write 3000
  -> ACK 0:2000/1000
  +10ms <- ACK ack 2000 win 400
  +200ms -> ACK 2000:2400                 # (4): the override timeout
  `,
);

script(
  'RFC 9293 3.8.6.2.1: sender SWS avoidance, (3): half of the largest window is worth a segment',
  `
  established win 1500
  write 3000
  -> ACK 0:1000
  +10ms <- ACK ack 1000 win 750
  -> ACK 1000:1750
  `,
);

script(
  'RFC 9293 3.8.6.2.1: sender SWS avoidance, (2): all that is queued may leave',
  `
  established win 1000
  write 1100
  -> ACK 0:1000
  +10ms <- ACK ack 1000 win 100
  -> PSH,ACK 1000:1100
  `,
);

script(
  'RFC 9293 3.8.6.2.2: receiver SWS avoidance: the edge moves by a segment or half the buffer at least (MUST-39)',
  `
  established with receiveBuffer 8192
  <- ACK 0:2048/1024
  -> ACK ack 2048 win 6144
  read 100                                # no window for so little
  <- ACK 2048:4096/1024
  -> ACK ack 4096 win 4096
  read 924                                # a segment's worth: told with the next ACK
  <- ACK 4096:6144/1024
  -> ACK ack 6144 win 3072
  `,
);

script(
  'RFC 9293 3.8.6.2.2: a window that has been shut is opened by half of the buffer or two segments, not by an octet',
  `
  established with receiveBuffer 8192
  <- ACK 0:2048/1024
  -> ACK ack 2048 win 6144
  <- ACK 2048:4096/1024
  -> ACK ack 4096 win 4096
  <- ACK 4096:6144/1024
  -> ACK ack 6144 win 2048
  <- ACK 6144:8192/1024
  -> ACK ack 8192 win 0
  read 1
  read 2046                               # one short of two segments
  read 1
  -> ACK win 2048
  read 4096
  -> ACK win 6144
  `,
);

script(
  'RFC 9293 3.8.6: the receiver does not shrink the window (SHLD-14): unread text and a small buffer',
  `
  established with receiveBuffer 4096
  <- ACK 0:1000
  <- ACK 1000:2000
  -> ACK ack 2000 win 2096
  read 500
  <- ACK 2000:3000
  +40ms -> ACK ack 3000 win 1096          # the edge is where it was
  `,
);

script(
  'RFC 9293 3.8.6.3: an ACK is delayed less than 0.5 s (MUST-40): 40 ms here',
  `
  established
  <- PSH,ACK 0:1000
  +39.999ms nothing
  +1us -> ACK ack 1000
  `,
);

script(
  'RFC 9293 3.8.6.3: an ACK for at least every second full-sized segment (SHLD-19)',
  `
  established
  <- ACK 0:1000
  +1ms <- ACK 1000:2000
  -> ACK ack 2000
  +1ms <- ACK 2000:3000
  +1ms <- ACK 3000:4000
  -> ACK ack 4000
  `,
);

script(
  'RFC 9293 3.8.6.3: text of ours carries the ACK, and the delayed one is off',
  `
  established
  <- PSH,ACK 0:500
  +10ms write 20
  -> PSH,ACK 0:20 ack 500
  +10ms <- ACK ack 20
  +1s nothing
  `,
);

script(
  'RFC 9293 3.8.6.3: delayed ACKs can be turned off',
  `
  established with delayedAck off
  <- PSH,ACK 0:5
  -> ACK ack 5
  <- PSH,ACK 5:10
  -> ACK ack 10
  `,
);

script(
  'RFC 9293 3.10.3: RECEIVE hands out what is there, in order, and tells once that there is something',
  `
  established
  <- ACK 0:1000
  <- ACK 1000:2000
  -> ACK ack 2000
  told readable
  read 1500
  told nothing
  read 500
  read nothing
  <- ACK 2000:2001
  told readable
  `,
);

script(
  'RFC 9293 3.10.2: SEND beyond the buffer takes what fits, and tells when there is room again',
  `
  established win 60000 with sendBuffer 4096
  write 5000 takes 4096
  -> ACK 0:4000/1000
  write 10 takes 0
  told nothing
  +10ms <- ACK ack 4000
  -> PSH,ACK 4000:4096
  told writable
  +10ms <- ACK ack 4096
  told drained
  `,
);

script(
  'RFC 9293 3.8.4: no keep-alive while text is under way: retransmissions ask already',
  `
  established rtt 100ms with keepAlive 1s
  write 10
  -> PSH,ACK 0:10
  +300ms -> PSH,ACK 0:10
  +600ms -> PSH,ACK 0:10
  +1.2s -> PSH,ACK 0:10
  +2.4s -> PSH,ACK 0:10
  `,
);

script(
  'RFC 9293 3.8.4: keep-alives while half closed, in FIN-WAIT-2 and in CLOSE-WAIT',
  `
  established with keepAlive 60s
  shutdown
  -> FIN,ACK
  <- ACK ack 1
  +60s -> ACK seq 0
  <- ACK ack 1
  state FIN-WAIT-2
  `,
);

script(
  'RFC 9293 3.8.4: keep-alives may be turned on and off on a connection that is open',
  `
  established
  +30s set keepAlive 60s
  +30s -> ACK seq -1
  <- ACK ack 0
  set keepAlive off
  +1000s nothing
  `,
);

script(
  'RFC 9293 3.8.1, 3.7: an ACK may fall inside a segment: what is left is sent again from there',
  `
  established <mss 1000> rtt 100ms win 3000
  write 3000
  -> ACK 0:2000/1000
  -> PSH,ACK 2000:3000
  +100ms <- ACK ack 500 win 2500
  +275ms -> ACK 500:1500
  `,
);

script(
  'RFC 9293 3.8.5: URG on a segment without text, and a pointer of zero',
  `
  established
  <- URG,ACK urg 0
  <- URG,ACK urg 1
  <- URG,PSH,ACK 0:10 urg 0
  +40ms -> ACK ack 10
  told readable
  read 10
  `,
);

script(
  'RFC 9293 3.8.6: an ACK that only repeats, without text, is never answered',
  `
  established
  <- ACK
  <- ACK win 5
  <- ACK win 65535
  <- PSH,ACK
  +1s nothing
  `,
);

script(
  'RFC 9293 3.8.6: text and a shut window in the same segment: both count',
  `
  established rtt 100ms
  write 10
  -> PSH,ACK 0:10
  +100ms <- PSH,ACK 0:100 ack 10 win 0
  write 10
  +40ms -> ACK ack 100
  +210ms -> ACK seq 9 ack 100
  <- ACK win 1000
  -> PSH,ACK 10:20
  `,
);

script(
  'RFC 9293 3.8.6.3: a FIN is acknowledged at once, together with text that waited for its ACK',
  `
  established
  <- PSH,ACK 0:10
  +5ms <- FIN,ACK
  -> ACK ack 11
  `,
);

script(
  'RFC 9293 3.8.6.3: a FIN of ours carries the ACK that was delayed',
  `
  established
  <- PSH,ACK 0:10
  +5ms shutdown
  -> FIN,ACK ack 10
  +1ms <- ACK ack 1
  +100ms nothing
  `,
);

script(
  'RFC 9293 3.8.6.1: an answer with a window too small for a segment ends the probing; what fits leaves after the override',
  `
  established rtt 100ms win 2000
  write 5000
  -> ACK 0:2000/1000
  +100ms <- ACK ack 2000 win 0
  +250ms -> ACK seq 1999
  +10ms <- ACK win 300
  +200ms -> ACK 2000:2300
  `,
);

script(
  'RFC 9293 3.8.6.1: a probe of the peer is answered with the window as it is, again and again',
  `
  established with receiveBuffer 4096
  <- ACK 0:4096
  -> ACK ack 4096 win 0
  +1s <- ACK 4096:4097
  -> ACK win 0
  +2s <- ACK 4096:4097
  -> ACK win 0
  +4s <- ACK 4096:4097
  -> ACK win 0
  read 100                                # still not worth a segment
  +8s <- ACK 4096:4097
  -> ACK win 0
  `,
);

script(
  'RFC 9293 3.8.6.2.2: a read that frees half of the buffer is told at once, though the window was not shut',
  `
  established with receiveBuffer 8192 delayedAck off
  <- ACK 0:1000
  -> ACK ack 1000 win 7192
  <- ACK 1000:5000
  -> ACK ack 5000 win 3192
  read 4095
  read 1
  -> ACK win 7288
  `,
);
