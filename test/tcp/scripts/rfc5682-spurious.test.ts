// RFC 5682 F-RTO, RFC 3522 Eifel detection, RFC 4015 Eifel response: timeouts that were not called for.

import { script } from './script.ts';

script(
  'RFC 5682 2.1: basic F-RTO: two ACKs that advance after a timeout: it was spurious',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 12000
  -> ACK 0:10000/1000
  +300ms -> ACK 0:1000                    # step 1
  expect cwnd 1000 ssthresh 5000
  +10ms <- ACK ack 1000                   # step 2b: two segments that were never sent
  -> ACK 10000:11000
  -> PSH,ACK 11000:12000
  +10ms <- ACK ack 2000                   # step 3b: and nothing is sent again
  expect cwnd 10000
  +10ms <- ACK ack 12000
  told drained
  expect retransmits 1
  `,
);

script(
  'RFC 5682 2.1, step 3a: the second ACK is a duplicate: a genuine timeout, slow start by retransmissions',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 12000
  -> ACK 0:10000/1000
  +300ms -> ACK 0:1000
  +100ms <- ACK ack 1000
  -> ACK 10000:11000
  -> PSH,ACK 11000:12000
  +100ms <- ACK ack 1000
  -> ACK 1000:2000                        # cwnd is three segments: the two that are out, and a copy
  `,
);

script(
  'RFC 5682 2.1, step 2a: the first ACK is a duplicate: nothing but the conventional recovery',
  `
  established <mss 1000> rtt 100ms win 10000 with congestion newreno
  write 12000
  -> ACK 0:10000/1000
  +300ms -> ACK 0:1000
  +10ms <- ACK ack 0
  +90ms <- ACK ack 1000
  -> ACK 1000:3000/1000
  `,
);

script(
  'RFC 5682 3.1, step 2: with SACK duplicates before the answer to the retransmission are only noted',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 12000
  -> ACK 0:10000/1000
  +200ms -> ACK 10000:11000               # RFC 8985 7.3
  +300ms -> ACK 0:1000
  +10ms <- ACK ack 0 <sack 5000:6000>
  +10ms <- ACK ack 6000                   # step 2b: what was never sent
  -> PSH,ACK 11000:12000
  +10ms <- ACK ack 7000                   # step 3b
  expect cwnd 10000
  +10ms <- ACK ack 12000
  expect retransmits 1
  `,
);

script(
  'RFC 5682 2.1, step 2a: the first ACK covers all that was out: nothing to find out',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 12000
  -> ACK 0:10000/1000
  +300ms -> ACK 0:1000
  +10ms <- ACK ack 10000
  -> ACK 10000:11000
  -> PSH,ACK 11000:12000
  expect ssthresh 5000
  `,
);

script(
  'RFC 5682 2.1: no new text that could be sent: conventional recovery',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +300ms -> ACK 0:1000
  +10ms <- ACK ack 1000
  -> ACK 1000:3000/1000
  `,
);

script(
  'RFC 3522 3.2: Eifel: the first ACK after a timeout echoes the original: it was spurious',
  `
  established <mss 1012, ts 1> rtt 100ms with congestion newreno
  write 12000
  -> ACK 0:10000/1000
  +300ms -> ACK 0:1000 <ts 400 ecr 1>
  expect cwnd 1000 ssthresh 5000
  +40ms <- ACK ack 1000 <ts 441 ecr 100>
  -> ACK 10000:11000                      # nothing is sent again; 9000 are out
  expect cwnd 10000
  `,
);

script(
  'RFC 3522 3.2: Eifel: the first ACK echoes the retransmission: the timeout was genuine',
  `
  established <mss 1012, ts 1> rtt 100ms with congestion newreno
  write 12000
  -> ACK 0:10000/1000
  +300ms -> ACK 0:1000 <ts 400 ecr 1>
  +100ms <- ACK ack 1000 <ts 501 ecr 400>
  -> ACK 1000:3000/1000
  expect cwnd 2000 ssthresh 5000
  `,
);

script(
  'RFC 3522 3.2: Eifel: a fast retransmit that was not called for is taken back',
  `
  established <mss 1012, sackok, ts 1> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 1000:4000, ts 201 ecr 100>
  -> ACK 0:1000
  expect ssthresh 5000
  +10ms <- ACK ack 4000 <ts 211 ecr 100>  # the original came, late
  expect cwnd 10000
  +90ms <- ACK ack 10000
  expect retransmits 1
  `,
);
