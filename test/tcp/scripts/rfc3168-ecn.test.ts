// RFC 3168: Explicit Congestion Notification.

import { script } from './script.ts';

script(
  'RFC 3168 6.1.1: an ECN-setup SYN, and the ECN-setup SYN,ACK that answers it: text is ECT(0) then, ACKs are not',
  `
  connect ecn on delayedAck off
  -> SYN,ECE,CWR <*>
  <- SYN,ECE,ACK ack 0 <mss 1000>
  -> ACK ack 0
  write 1500
  -> ACK 0:1000 ect0
  +10ms <- ACK 0:10 ack 1000
  -> PSH,ACK 1000:1500 ack 10 ect0
  +10ms <- ACK 10:20 ack 1500
  -> ACK ack 20
  `,
);

script(
  'RFC 3168 6.1.1: the passive side: an ECN-setup SYN is answered with ECE alone',
  `
  listen
  <- SYN,ECE,CWR <mss 1000>
  -> SYN,ECE,ACK ack 0 <*>
  <- ACK ack 0
  write 10
  -> PSH,ACK 0:10 ect0
  `,
);

script(
  'RFC 3168 6.1.1: a SYN,ACK without ECE, or with CWR as well, is no ECN-setup SYN,ACK',
  `
  connect ecn on
  -> SYN,ECE,CWR <*>
  <- SYN,ECE,CWR,ACK ack 0 <mss 1000>     # a host that reflects what it does not know
  -> ACK ack 0
  write 10
  -> PSH,ACK 0:10
  `,
);

script(
  'RFC 3168 6.1.1: a SYN with one of the two bits asks for nothing',
  `
  listen
  <- SYN,ECE <mss 1000>
  -> SYN,ACK ack 0 <*>
  <- ACK ack 0
  write 10
  -> PSH,ACK 0:10
  `,
);

script(
  'RFC 3168 6.1.1.1: a SYN that was not answered is sent again without ECE and CWR',
  `
  connect ecn on
  -> SYN,ECE,CWR <*>
  +1s -> SYN <*>
  +10ms <- SYN,ACK ack 0 <mss 1000>
  -> ACK ack 0
  write 10
  -> PSH,ACK 0:10
  `,
);

script(
  'RFC 3168 6.1.3: the receiver echoes CE in every ACK until CWR comes',
  `
  listen delayedAck off
  <- SYN,ECE,CWR <mss 1000>
  -> SYN,ECE,ACK ack 0 <*>
  <- ACK ack 0
  <- ACK 0:1000 ect0
  -> ACK seq 0 ack 1000
  <- ACK 1000:2000 ce
  -> ECE,ACK ack 2000
  <- ACK 2000:3000 ect0
  -> ECE,ACK ack 3000
  <- CWR,ACK 3000:4000 ect0
  -> ACK ack 4000
  <- CWR,ACK 4000:5000 ce                 # marked again after the sender has slowed down
  -> ECE,ACK ack 5000
  `,
);

script(
  'RFC 3168 6.1.2: ECE halves the window, once a window; CWR goes with the next new text; nothing is sent again',
  `
  connect ecn on congestion newreno
  -> SYN,ECE,CWR <*>
  +100ms <- SYN,ECE,ACK ack 0 <mss 1000>
  -> ACK ack 0
  write 20000
  -> ACK 0:10000/1000 ect0
  +100ms <- ECE,ACK ack 1000
  expect cwnd 5000 ssthresh 5000
  <- ECE,ACK ack 5000
  expect cwnd 5000 retransmits 0
  <- ECE,ACK ack 6000
  -> CWR,ACK 10000:11000 ect0
  <- ACK ack 7000
  -> ACK 11000:12000 ect0
  `,
);

script(
  'RFC 3168 6.1.2: CWR whatever the reason of the reduction: a loss that a tail probe has repaired (RFC 8985 7.4.2)',
  `
  connect ecn on congestion newreno
  -> SYN,ECE,CWR <*>
  +100ms <- SYN,ECE,ACK ack 0 <mss 1000, sackok>
  -> ACK ack 0
  write 2000
  -> ACK 0:1000 ect0
  -> PSH,ACK 1000:2000 ect0
  +200ms -> PSH,ACK 1000:2000
  write 1000
  -> PSH,ACK 2000:3000 ect0
  +100ms <- ACK ack 3000
  expect cwnd 2000
  write 1000
  -> CWR,PSH,ACK 3000:4000 ect0
  `,
);

script(
  'RFC 3168 6.1.5: a retransmission is not ECT',
  `
  connect ecn on congestion newreno
  -> SYN,ECE,CWR <*>
  +100ms <- SYN,ECE,ACK ack 0 <mss 1000>
  -> ACK ack 0
  write 1000
  -> PSH,ACK 0:1000 ect0
  +300ms -> PSH,ACK 0:1000
  `,
);

script(
  'RFC 3168 6.1.4, 6.1.6: neither a FIN alone nor a window probe is ECT',
  `
  connect ecn on
  -> SYN,ECE,CWR <*>
  +100ms <- SYN,ECE,ACK ack 0 win 0 <mss 1000>
  -> ACK ack 0
  write 10
  +300ms -> ACK seq -1
  <- ACK ack 0 win 1000
  -> PSH,ACK 0:10 ect0
  +100ms <- ACK ack 10
  shutdown
  -> FIN,ACK
  `,
);

script(
  'RFC 3168 6.1.5: CE on a segment outside of the window counts for nothing',
  `
  listen delayedAck off
  <- SYN,ECE,CWR <mss 1000>
  -> SYN,ECE,ACK ack 0 <*>
  <- ACK ack 0
  <- ACK -100:0 ce
  -> ACK seq 0 ack 0
  <- ACK 9000000:9000100 ce
  -> ACK
  `,
);

script(
  'RFC 3168 6.1.1: where ECN was not agreed on, CE, ECE and CWR mean nothing',
  `
  established rtt 100ms with congestion newreno delayedAck off
  <- ACK 0:1000 ce
  -> ACK ack 1000
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ECE,CWR,ACK ack 10000
  expect cwnd 10000
  `,
);
