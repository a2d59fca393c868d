// RFC 9293 3.7: segmentation: MSS (with RFC 6691), path MTU (RFC 8201), Nagle.

import { script } from './script.ts';

script(
  'RFC 9293 3.7.1: without an MSS option a send MSS of 1220 is assumed on IPv6 (MUST-15)',
  `
  connect
  -> SYN <*>
  <- SYN,ACK ack 0
  -> ACK ack 0
  write 3000
  -> ACK 0:1220
  -> ACK 1220:2440
  `,
);

script(
  'RFC 9293 3.7.1: the MSS option is sent in the SYN, for what the link can take (MUST-14, SHLD-5)',
  `
  given mtu 9000
  connect
  -> SYN <mss 8940, sackok, ts, ws 9>
  `,
);

script(
  'RFC 9293 3.7.1: the effective send MSS is the least of the option and of what the path takes (MUST-16)',
  `
  given mtu 1280
  established <mss 1440>
  write 2440
  -> ACK 0:1220
  -> PSH,ACK 1220:2440
  `,
);

script(
  'RFC 6691 2: the MSS option does not count TCP options: timestamps are taken off the text',
  `
  established <mss 1000, ts 1>
  expect sendMss 988
  write 1976
  -> ACK 0:988
  -> PSH,ACK 988:1976
  `,
);

script(
  'RFC 6691 2: SACK blocks are taken off the text as well, while there are any',
  `
  established <mss 1000, sackok>
  <- ACK 100:200
  -> ACK ack 0 <sack 100:200>
  write 1900
  -> ACK 0:988 <sack 100:200>
  +10ms <- ACK 0:100 ack 988
  -> PSH,ACK 988:1900 ack 200
  `,
);

script(
  'RFC 9293 3.7.1: a tiny MSS option is not followed below 216 octets: what it would cost is ours',
  `
  established <mss 1>
  write 432
  -> ACK 0:216
  -> PSH,ACK 216:432
  `,
);

script(
  'RFC 9293 3.7.1: an MSS option on a segment that is no SYN is ignored',
  `
  established <mss 1000>
  <- ACK <mss 300>
  write 2000
  -> ACK 0:1000
  -> PSH,ACK 1000:2000
  `,
);

script(
  'RFC 9293 3.7.2, RFC 8201 5.4: Packet Too Big: smaller segments, sent again at once, cwnd as before',
  `
  established <mss 1440> with congestion newreno
  write 4320
  -> ACK 0:2880/1440
  -> PSH,ACK 2880:4320
  expect cwnd 14400
  +10ms icmp packet-too-big mtu 1280 seq 0
  -> ACK 0:3660/1220
  -> PSH,ACK 3660:4320
  expect sendMss 1220
  +10ms <- ACK ack 4320
  `,
);

script(
  'RFC 9293 3.7.4: Nagle: while something is unacknowledged, less than a full segment waits (SHLD-7)',
  `
  established <mss 1000>
  write 10
  -> PSH,ACK 0:10
  write 20
  write 30
  +10ms <- ACK ack 10
  -> PSH,ACK 10:60
  `,
);

script(
  'RFC 9293 3.7.4: Nagle: a full segment does not wait, the rest of it does',
  `
  established <mss 1000>
  write 10
  -> PSH,ACK 0:10
  write 1500
  -> ACK 10:1010
  +10ms <- ACK ack 1010
  -> PSH,ACK 1010:1510
  `,
);

script(
  'RFC 9293 3.7.4: an application can disable the Nagle algorithm (MUST-17)',
  `
  established <mss 1000> with noDelay
  write 10
  -> PSH,ACK 0:10
  write 20
  -> PSH,ACK 10:30
  write 1500
  -> ACK 30:1030
  -> PSH,ACK 1030:1530
  `,
);

script(
  'RFC 9293 3.7.4: what Nagle holds back leaves when the application disables it',
  `
  established <mss 1000>
  write 10
  -> PSH,ACK 0:10
  write 20
  set noDelay
  -> PSH,ACK 10:30
  `,
);

script(
  'RFC 9293 3.7.4: CLOSE ends the waiting: the last octets leave with the FIN',
  `
  established <mss 1000>
  write 10
  -> PSH,ACK 0:10
  write 20
  shutdown
  -> FIN,PSH,ACK 10:30
  `,
);

script(
  'RFC 9293 3.9.1.2: PSH is set on the segment that empties the buffer, and not before (MUST-60, MUST-61)',
  `
  established <mss 1000> win 2000
  write 2500
  -> ACK 0:2000/1000
  +10ms <- ACK ack 2000
  -> PSH,ACK 2000:2500
  `,
);

script(
  'RFC 9293 3.1: an unknown option is skipped by its length (MUST-6)',
  `
  connect
  -> SYN <*>
  <- SYN,ACK ack 0 <raw fd 06 01 02 03 04 02 04 02 00 01 00>
  -> ACK ack 0
  expect sendMss 512
  <- PSH,ACK 0:10 <raw fe 04 00 00 01 01 01 00>
  +40ms -> ACK ack 10
  `,
);

script(
  'RFC 9293 3.1: an option with an illegal length does no harm: the segment is dropped (MUST-7)',
  `
  established
  <- PSH,ACK 0:10 <raw fd 00 00 00>
  <- PSH,ACK 0:10 <raw fd 01 00 00>
  <- PSH,ACK 0:10 <raw fd 20 00 00>
  <- PSH,ACK 0:10 <raw 01 01 01 fd>
  read nothing
  state ESTABLISHED
  `,
);

script(
  'RFC 9293 3.1: options after End of Option List are not read; No-Operation may come anywhere (MUST-64)',
  `
  connect
  -> SYN <*>
  <- SYN,ACK ack 0 <raw 01 02 04 03 e8 01 01 00 02 04 01 f4>
  -> ACK ack 0
  expect sendMss 1000
  `,
);

script(
  'RFC 9293 3.1: a wrong checksum, a data offset that lies, a header cut short: dropped without a word (MUST-3)',
  `
  established
  <- PSH,ACK 0:10 badsum
  <- PSH,ACK 0:10 doff 4
  <- PSH,ACK 0:10 doff 15
  <- PSH,ACK 0:10 trunc 19
  <- RST badsum
  read nothing
  state ESTABLISHED
  `,
);

script(
  'RFC 9293 3.7.2: a path that takes more again is used to the full',
  `
  established <mss 1440>
  path mtu 1300
  write 2480
  -> ACK 0:1240
  -> PSH,ACK 1240:2480
  +10ms <- ACK ack 2480
  path mtu 1500
  write 2880
  -> ACK 2480:3920
  -> PSH,ACK 3920:5360
  `,
);

script(
  'RFC 8201 5.4: a second, narrower router behind the first: what went again at the first size goes once more',
  `
  established <mss 1440> with congestion newreno
  write 2880
  -> ACK 0:1440
  -> PSH,ACK 1440:2880
  +10ms icmp packet-too-big mtu 1400 seq 0
  -> ACK 0:2680/1340
  -> PSH,ACK 2680:2880
  icmp packet-too-big mtu 1400 seq 1440     # the other one of the first two: that is known
  +10ms icmp packet-too-big mtu 1300 seq 0
  -> ACK 0:1240
  -> ACK 1240:1340
  -> ACK 1340:2580
  -> ACK 2580:2680
  expect sendMss 1240 cwnd 14400
  `,
);

script(
  'RFC 8201 4: a Packet Too Big that says nothing new does not excuse losses from congestion control',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  icmp packet-too-big mtu 1500 seq 0
  +100ms <- ACK ack 0 <sack 1000:4000>
  -> ACK 0:1000
  expect ssthresh 5000
  `,
);

script(
  'RFC 8201 4: Packet Too Big below 1280 octets is not followed further down',
  `
  established <mss 1440>
  write 1440
  -> PSH,ACK 0:1440
  +10ms icmp packet-too-big mtu 1280 seq 0
  -> ACK 0:1220
  -> PSH,ACK 1220:1440
  `,
);
