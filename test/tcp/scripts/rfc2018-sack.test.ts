// RFC 2018 and RFC 2883: selective acknowledgments, as the receiver of text sends them and as its sender takes them.

import { script } from './script.ts';

script(
  'RFC 2018 2: SACK options are sent only if SACK-permitted came with the SYN',
  `
  established <mss 1000>
  <- ACK 1000:2000
  -> ACK ack 0
  `,
);

script(
  'RFC 2018 4: the first block contains the segment that triggered the ACK, the others the most recent ones',
  `
  established <mss 1000, sackok, ts 1>
  <- ACK 1000:1500
  -> ACK ack 0 <sack 1000:1500>
  <- ACK 3000:3500
  -> ACK <sack 3000:3500 1000:1500>
  <- ACK 5000:5500
  -> ACK <sack 5000:5500 3000:3500 1000:1500>
  <- ACK 1500:2000
  -> ACK <sack 1000:2000 5000:5500 3000:3500>
  `,
);

script(
  'RFC 2018 3: four blocks fit where there is no timestamp, three beside one; as many as possible are sent',
  `
  established <mss 1000, sackok>
  <- ACK 1000:1100
  -> ACK ack 0 <sack 1000:1100>
  <- ACK 2000:2100
  -> ACK <sack 2000:2100 1000:1100>
  <- ACK 3000:3100
  -> ACK <sack 3000:3100 2000:2100 1000:1100>
  <- ACK 4000:4100
  -> ACK <sack 4000:4100 3000:3100 2000:2100 1000:1100>
  <- ACK 5000:5100
  -> ACK <sack 5000:5100 4000:4100 3000:3100 2000:2100>
  `,
);

script(
  'RFC 2018 4: three blocks beside a timestamp',
  `
  established <mss 1000, sackok, ts 1>
  <- ACK 1000:1100
  -> ACK ack 0 <sack 1000:1100>
  <- ACK 2000:2100
  -> ACK <sack 2000:2100 1000:1100>
  <- ACK 3000:3100
  -> ACK <sack 3000:3100 2000:2100 1000:1100>
  <- ACK 4000:4100
  -> ACK <sack 4000:4100 3000:3100 2000:2100>
  `,
);

script(
  'RFC 2018 7, case 2: the first of eight segments is dropped',
  `
  given iss 5000
  established <mss 1000, sackok>
  <- ACK 500:1000
  -> ACK ack 0 <sack 500:1000>
  <- ACK 1000:1500
  -> ACK <sack 500:1500>
  <- ACK 1500:2000
  -> ACK <sack 500:2000>
  <- ACK 2000:2500
  -> ACK <sack 500:2500>
  <- ACK 2500:3000
  -> ACK <sack 500:3000>
  <- ACK 3000:3500
  -> ACK <sack 500:3500>
  <- ACK 3500:4000
  -> ACK <sack 500:4000>
  <- ACK 0:500
  -> ACK ack 4000
  `,
);

script(
  'RFC 2018 7, case 3: the 2nd, 4th, 6th and 8th of eight segments are dropped, then two come late',
  `
  established <mss 1000, sackok>
  <- ACK 0:500
  <- ACK 1000:1500
  -> ACK ack 500 <sack 1000:1500>
  <- ACK 2000:2500
  -> ACK <sack 2000:2500 1000:1500>
  <- ACK 3000:3500
  -> ACK <sack 3000:3500 2000:2500 1000:1500>
  <- ACK 1500:2000                        # the 4th
  -> ACK <sack 1000:2500 3000:3500>
  <- ACK 500:1000                         # the 2nd
  -> ACK ack 2500 <sack 3000:3500>
  `,
);

script(
  'RFC 2883 4.1.1: a duplicate segment below the ACK is reported in the first block',
  `
  established <mss 1000, sackok>
  <- ACK 0:1000
  <- ACK 1000:2000
  -> ACK ack 2000
  <- ACK 1000:2000
  -> ACK <sack 1000:2000>
  `,
);

script(
  'RFC 2883 4.1.2: an out-of-order segment and a duplicate: the duplicate comes first, the queue behind it',
  `
  established <mss 1000, sackok>
  <- ACK 0:1000
  <- ACK 1000:2000
  -> ACK ack 2000
  <- ACK 3000:4000
  -> ACK <sack 3000:4000>
  <- ACK 1000:2000
  -> ACK <sack 1000:2000 3000:4000>
  <- ACK 2000:3000
  -> ACK ack 4000                         # each duplicate is reported once
  `,
);

script(
  'RFC 2883 4.1.3: a duplicate of an out-of-order segment: its block, then the larger block that contains it',
  `
  established <mss 1000, sackok>
  <- ACK 1000:1500
  -> ACK ack 0 <sack 1000:1500>
  <- ACK 1500:2000
  -> ACK <sack 1000:2000>
  <- ACK 1000:1500
  -> ACK <sack 1000:1500 1000:2000>
  `,
);

script(
  'RFC 2883 4.2: a partial duplicate below the ACK: only the part that is one',
  `
  established <mss 1000, sackok>
  <- ACK 0:1000
  +40ms -> ACK ack 1000
  <- ACK 500:1500
  -> ACK ack 1500 <sack 500:1000>
  `,
);

script(
  'RFC 2883 4.2: a partial duplicate of an out-of-order segment',
  `
  established <mss 1000, sackok>
  <- ACK 1000:1500
  -> ACK ack 0 <sack 1000:1500>
  <- ACK 1300:2000
  -> ACK <sack 1300:1500 1000:2000>
  `,
);

script(
  'RFC 2018 5: the sender does not send again what is SACKed',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 1000:4000 5000:10000>
  -> ACK 0:1000
  -> ACK 4000:5000
  +100ms <- ACK ack 10000
  `,
);

script(
  'RFC 2018 8: after a timeout SACKed octets that the peer has dropped are sent again',
  `
  established <mss 1000, sackok> rtt 100ms win 3000 with congestion newreno
  write 3000
  -> ACK 0:2000/1000
  -> PSH,ACK 2000:3000
  +100ms <- ACK ack 0 <sack 0:1000>       # held, and not acknowledged
  +200ms -> ACK 0:1000
  `,
);

script(
  'RFC 2018 5: blocks that no honest peer sends change nothing',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 5000:4000>
  <- ACK <sack 9000:20000>
  <- ACK <sack 3000:3000>
  <- ACK <sack -500:1000>
  <- ACK <sack 1000000:2000000>
  expect inFlight 10000
  `,
);
