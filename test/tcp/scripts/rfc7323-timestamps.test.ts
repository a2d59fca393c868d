// RFC 7323: window scale, timestamps, PAWS.

import { script } from './script.ts';

script(
  'RFC 7323 2.2: window scaling is used only if both SYNs have the option: without it the window is what it says',
  `
  established <mss 1000> win 2000
  write 4000
  -> ACK 0:2000/1000
  `,
);

script(
  'RFC 7323 2.2: the window field of a SYN is never scaled, all others are',
  `
  established <mss 1000, ws 2> win 1000
  write 6000
  -> ACK 0:1000                           # 1000 octets, not 4000
  +10ms <- ACK ack 1000 win 1000
  -> ACK 1000:5000/1000
  `,
);

script(
  'RFC 7323 2.2: a SYN,ACK answers window scale only if the SYN had it',
  `
  listen
  <- SYN <mss 1000, ws 7>
  -> SYN,ACK ack 0 win 65535 <mss 1440, ws 9>
  <- ACK ack 0
  <- ACK 0:1000
  +40ms -> ACK seq 0 ack 1000 win 254   # 128 KiB less what waits, by 512
  `,
);

script(
  'RFC 7323 2.3: a shift count above 14 is taken for 14',
  `
  established <mss 1000, ws 15> win 1000
  write 10000
  -> ACK 0:1000
  +10ms <- ACK ack 1000 win 1
  -> ACK 1000:9000/1000                   # 16384, not 32768: the congestion window is not reached
  -> PSH,ACK 9000:10000
  `,
);

script(
  'RFC 7323 2.2: a window scale option on a segment that is no SYN is ignored',
  `
  established <mss 1000> win 1000
  <- ACK win 1000 <ws 3>
  write 3000
  -> ACK 0:1000
  `,
);

script(
  'RFC 7323 3.2: both SYNs have timestamps: every segment has them from then on',
  `
  established <mss 1000, ts 100> rtt 10ms
  write 10
  -> PSH,ACK 0:10 <ts 10 ecr 100>
  +5ms <- PSH,ACK 0:20 ack 10 <ts 105>
  +40ms -> ACK ack 20 <ts 55 ecr 105>
  shutdown
  -> FIN,ACK <ts 55 ecr 105>
  `,
);

script(
  'RFC 7323 3.2: the peer did not send the option: no timestamps',
  `
  established <mss 1000> rtt 10ms
  write 10
  -> PSH,ACK 0:10 <nots>
  `,
);

script(
  'RFC 7323 3.2: a segment without the option, where it was negotiated, is dropped in silence; a RST is not',
  `
  established <mss 1000, ts 100>
  <- PSH,ACK 0:10 <nots>
  <- FIN,ACK 0:10 <nots>
  read nothing
  state ESTABLISHED
  <- RST seq 0 <nots>
  state CLOSED
  `,
);

script(
  'RFC 7323 3.2: timestamps that were not negotiated are ignored',
  `
  established <mss 1000>
  <- PSH,ACK 0:10 <ts 5 ecr 7>
  +40ms -> ACK ack 10 <nots>
  `,
);

script(
  'RFC 7323 4.3, (2): TS.Recent follows a segment at or before Last.ACK.sent only',
  `
  established <mss 1000, sackok, ts 100>
  <- ACK 0:1000 <ts 110>
  <- ACK 1000:2000 <ts 111>               # behind Last.ACK.sent = 0
  -> ACK ack 2000 <ts * ecr 110>
  `,
);

script(
  'RFC 7323 4.3, (A): delayed ACKs: the echo is that of the earliest segment that is not acknowledged yet',
  `
  established <mss 1000, ts 100>
  <- ACK 0:400 <ts 201>
  +5ms <- ACK 400:700 <ts 206>
  +35ms -> ACK ack 700 <ts 40 ecr 201>
  `,
);

script(
  'RFC 7323 4.3, (B) and (C): a hole: the echo is that of the last segment that advanced the window, then of what fills it',
  `
  established <mss 1000, sackok, ts 100> with delayedAck off
  <- ACK 0:1000 <ts 201>
  -> ACK ack 1000 <ts * ecr 201>
  <- ACK 2000:3000 <ts 203>
  -> ACK ack 1000 <sack 2000:3000, ts * ecr 201>
  <- ACK 1000:2000 <ts 202>
  -> ACK ack 3000 <ts * ecr 202>
  `,
);

script(
  'RFC 7323 5.3, R1: PAWS: an old timestamp is not acceptable: an ACK, and the segment is dropped',
  `
  established <mss 1000, ts 1000>
  <- PSH,ACK 0:10 <ts 1005>
  +40ms -> ACK ack 10 <ts * ecr 1005>
  <- PSH,ACK 10:20 <ts 1004>
  -> ACK <ts * ecr 1005>
  read 10
  read nothing
  <- PSH,ACK 10:20 <ts 1005>              # equal is not old
  +40ms -> ACK ack 20
  read 10
  `,
);

script(
  'RFC 7323 5.3, R1: PAWS does not look at a RST',
  `
  established <mss 1000, ts 1000>
  <- RST seq 0 <ts 1>
  state CLOSED
  told closed:reset
  `,
);

script(
  'RFC 7323 5.2: timestamps are compared modulo 2**32',
  `
  established <mss 1000, ts 4294967290>
  <- PSH,ACK 0:10 <ts 4294967295>
  +40ms -> ACK ack 10 <ts * ecr 4294967295>
  <- PSH,ACK 10:20 <ts 3>
  +40ms -> ACK ack 20 <ts * ecr 3>
  <- PSH,ACK 20:30 <ts 4294967295>
  -> ACK
  read 20
  `,
);

script(
  'RFC 7323 5.5: after 24 days TS.Recent is outdated and PAWS does not apply',
  `
  established <mss 1000, ts 1000>
  +2073600s <- PSH,ACK 0:10 <ts 999>      # 24 days to the second
  -> ACK ack 0
  +1s <- PSH,ACK 0:10 <ts 999>
  +40ms -> ACK ack 10 <ts * ecr 999>
  `,
);

script(
  'RFC 7323 4.1: a round trip is measured by the echo of a retransmission',
  `
  established <mss 1000, ts 1> rtt 100ms with congestion newreno
  write 10
  -> PSH,ACK 0:10
  +300ms -> PSH,ACK 0:10 <ts 400 ecr 1>
  +40ms <- ACK ack 10 <ts 450 ecr 400>
  expect srtt 92500us                     # 100 * 7/8 + 40 / 8
  `,
);

script(
  'RFC 7323 3.2: an old timestamp on a SYN in SYN-RECEIVED is of no account: the handshake goes on',
  `
  listen
  <- SYN <mss 1000, ts 500>
  -> SYN,ACK ack 0 <mss 1440, ts 0 ecr 500>
  <- ACK ack 0 <ts 499 ecr 0>             # PAWS: old
  -> ACK seq 0 ack 0 <ts 0 ecr 500>
  <- ACK ack 0 <ts 500 ecr 0>
  state ESTABLISHED
  `,
);

script(
  'RFC 7323 2.2: with a scale the window field is rounded down, never beyond the buffer',
  `
  connect receiveBuffer 100000
  -> SYN win 65535 <mss 1440, sackok, ts, ws 1>
  <- SYN,ACK ack 0 <mss 1000, ws 0>
  -> ACK ack 0 win 50000
  <- ACK 0:1000
  <- ACK 1000:2000
  -> ACK ack 2000 win 49000
  <- ACK 2000:2999
  +40ms -> ACK ack 2999 win 48501         # the edge stays at 100000, rounded up by one
  `,
);

script(
  'RFC 7323 3.2: TSecr is that of the SYN in the SYN,ACK, and RTT is measured by the right copy of our SYN',
  `
  connect
  -> SYN <*>
  +1s -> SYN <*>
  +100ms <- SYN,ACK ack 0 <mss 1000, ts 50 ecr 1000>
  -> ACK ack 0 <ts 1100 ecr 50>
  expect srtt 100ms rto 3s                # RFC 6298 5.7
  `,
);

script(
  'RFC 7323 5.3: a segment that is old by its timestamp and brings a RST-worthy SYN gets the ACK, no more',
  `
  established <mss 1000, ts 1000>
  <- SYN seq 0 <ts 999>
  -> ACK
  <- FIN,ACK seq 0 <ts 999>
  -> ACK
  state ESTABLISHED
  `,
);

script(
  'RFC 7323 4.3: a retransmission of what was acknowledged does not set TS.Recent, for it is not acceptable',
  `
  established <mss 1000, ts 1000>
  <- ACK 0:100 <ts 1001>
  +40ms -> ACK ack 100 <ts * ecr 1001>
  <- ACK 0:100 <ts 1050>
  -> ACK <ts * ecr 1001>
  `,
);

script(
  'RFC 7323 5.2: our own TSvals wrap: echoes from before are understood behind it',
  `
  given clock 2971.9s                     # 155 ms before our TSval is 0
  established <mss 1000, ts 1> rtt 100ms with congestion newreno
  write 10
  -> PSH,ACK 0:10 <ts 100 ecr 1>
  +300ms -> PSH,ACK 0:10 <ts 400 ecr 1>
  +40ms <- ACK ack 10 <ts 450 ecr 100>    # the first copy, before the wrap: 340 ms
  expect srtt 130ms                       # 7/8 of 100 and 1/8 of 340
  `,
);

script(
  'RFC 7323 4.1: an echo of what we never sent is no measurement',
  `
  established <mss 1000, ts 1> rtt 100ms with congestion newreno
  write 10
  -> PSH,ACK 0:10
  +300ms -> PSH,ACK 0:10 <ts 400 ecr 1>
  +40ms <- ACK ack 10 <ts 450 ecr 100000>
  expect srtt 100ms
  told drained
  `,
);

script(
  'RFC 7323 2.2: the window of a SYN,ACK is not scaled, where the SYNs have crossed either',
  `
  connect
  -> SYN <*>
  <- SYN win 1000 <mss 1000, ws 2>
  -> SYN,ACK seq -1 ack 0 <mss 1440, ws 9>
  <- SYN,ACK seq -1 ack 0 win 1000 <mss 1000, ws 2>
  -> ACK seq 0 ack 0
  write 6000
  -> ACK 0:1000
  +10ms <- ACK seq 0 ack 1000 win 1000
  -> ACK 1000:5000/1000
  `,
);
