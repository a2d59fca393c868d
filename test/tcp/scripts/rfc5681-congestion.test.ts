// RFC 5681: congestion control, with RFC 6928 (initial window), RFC 7661 and RFC 9438; RFC 3042 limited transmit; RFC
// 6582, NewReno: all without SACK.

import { script } from './script.ts';

script(
  'RFC 6928 2: the initial window is ten segments',
  `
  established <mss 1000> rtt 100ms
  write 20000
  -> ACK 0:10000/1000
  expect cwnd 10000
  `,
);

script(
  'RFC 6928 2: or max(2 * MSS, 14600), where segments are large',
  `
  given mtu 9000
  established <mss 4000> rtt 100ms
  write 20000
  -> ACK 0:12000/4000
  expect cwnd 14600
  `,
);

script(
  'RFC 5681 3.1: the initial window is one segment when the SYN was lost',
  `
  connect congestion newreno
  -> SYN <*>
  +1s -> SYN <*>
  +100ms <- SYN,ACK ack 0 <mss 1000>
  -> ACK ack 0
  write 5000
  -> ACK 0:1000
  +100ms <- ACK ack 1000
  -> ACK 1000:3000/1000
  `,
);

script(
  'RFC 5681 3.1: slow start: cwnd grows by what each ACK newly acknowledges',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 30000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 1000
  -> ACK 10000:12000/1000
  expect cwnd 11000
  <- ACK ack 3000
  -> ACK 12000:16000/1000
  expect cwnd 13000
  `,
);

script(
  'RFC 5681 3.1 (3): congestion avoidance: one segment more for each window acknowledged',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 40000
  -> ACK 0:10000/1000
  +300ms -> ACK 0:1000                    # ssthresh 5000, cwnd 1000
  expect cwnd 1000 ssthresh 5000
  +100ms <- ACK ack 10000
  -> ACK 10000:16000/1000                 # slow start up to 5000, 6000 octets towards the next segment
  expect cwnd 6000
  `,
);

script(
  'RFC 5681 3.1 (4): a timeout: ssthresh is half the FlightSize, cwnd the loss window of one segment',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +300ms -> ACK 0:1000
  expect cwnd 1000 ssthresh 5000
  +100ms <- ACK ack 1000
  -> ACK 1000:3000/1000
  expect cwnd 2000
  +100ms <- ACK ack 2000
  -> ACK 3000:5000/1000
  <- ACK ack 3000
  -> ACK 5000:7000/1000
  `,
);

script(
  'RFC 5681 3.1 (4): ssthresh is two segments at least',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 1000
  -> PSH,ACK 0:1000
  +300ms -> PSH,ACK 0:1000
  expect cwnd 1000 ssthresh 2000
  `,
);

script(
  'RFC 5681 3.1: a second timeout for the same segment holds ssthresh constant',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 20000
  -> ACK 0:10000/1000
  +300ms -> ACK 0:1000
  expect ssthresh 5000
  +600ms -> ACK 0:1000
  expect ssthresh 5000 cwnd 1000
  `,
);

script(
  'RFC 5681 3.2, 2: the third duplicate ACK retransmits what appears to be missing, without a timeout',
  `
  established <mss 1000> rtt 100ms win 10000 with congestion newreno
  write 20000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  -> ACK 0:1000
  expect ssthresh 5000
  `,
);

script(
  'RFC 5681 2: no duplicate ACK: text on it, another window, nothing outstanding, a FIN',
  `
  established <mss 1000> rtt 100ms win 10000 with delayedAck 400ms
  <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- PSH,ACK 0:10 ack 0
  <- PSH,ACK 10:20 ack 0
  <- PSH,ACK 20:30 ack 0
  <- ACK win 10001
  <- ACK win 10002
  <- ACK win 10003
  +10ms nothing
  `,
);

script(
  'RFC 5681 4.1: after an idle time longer than the RTO cwnd is no more than the restart window',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 20000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 10000
  -> ACK 10000:19000/1000
  -> PSH,ACK 19000:20000
  +100ms <- ACK ack 20000
  expect cwnd 20000
  +10s write 20000
  -> ACK 20000:30000/1000
  expect cwnd 10000
  `,
);

script(
  'RFC 7661 4.1: a window that the application does not use does not grow',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 1000
  -> PSH,ACK 0:1000
  +100ms <- ACK ack 1000
  expect cwnd 10000
  `,
);

script(
  'RFC 5681 4.2: an out-of-order segment is answered with a duplicate ACK at once',
  `
  established
  <- ACK 1000:2000
  -> ACK seq 0 ack 0
  <- ACK 3000:4000
  -> ACK
  <- ACK 0:1000                           # fills a part of the gap: at once
  -> ACK ack 2000
  <- ACK 2000:3000                        # fills all of it
  -> ACK ack 4000
  read 4000
  `,
);

script(
  'RFC 3042 2: limited transmit: the first two duplicates send one new segment each, cwnd as it was',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 20000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 0
  -> ACK 10000:11000
  <- ACK ack 0
  -> ACK 11000:12000
  expect cwnd 10000
  <- ACK ack 0
  -> ACK 0:1000
  `,
);

script(
  "RFC 3042 2: limited transmit stays within the receiver's window",
  `
  established <mss 1000> rtt 100ms win 11000 with congestion newreno
  write 20000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 0
  -> ACK 10000:11000
  <- ACK ack 0
  <- ACK ack 0
  -> ACK 0:1000
  `,
);

script(
  'RFC 6582 3.2: fast recovery of one segment: the window is inflated by duplicates, and deflated by the full ACK',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 40000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 0
  -> ACK 10000:11000
  <- ACK ack 0
  -> ACK 11000:12000
  <- ACK ack 0
  -> ACK 0:1000                           # cwnd = 5000 + 3 segments
  expect ssthresh 5000
  <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0                            # 13 segments of inflated window: one more than is out
  -> ACK 12000:13000
  <- ACK ack 0
  -> ACK 13000:14000
  +100ms <- ACK ack 12000                 # full: what was out when it began
  -> ACK 14000:17000/1000
  expect cwnd 5000
  `,
);

script(
  'RFC 6582 3.2, step 3: a partial ACK retransmits the first octets not acknowledged, without three duplicates',
  `
  established <mss 1000> rtt 100ms win 10000 with congestion newreno
  write 20000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  -> ACK 0:1000
  +100ms <- ACK ack 4000 win 6000
  -> ACK 4000:5000
  +100ms <- ACK ack 7000 win 3000
  -> ACK 7000:8000
  +100ms <- ACK ack 10000 win 10000
  -> ACK 10000:15000/1000
  expect cwnd 5000
  `,
);

script(
  'RFC 6582 3.2, step 2: duplicates of what was out before a timeout start no fast retransmit',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 16000
  -> ACK 0:10000/1000
  +300ms -> ACK 0:1000
  +100ms <- ACK ack 10000
  -> ACK 10000:15000/1000
  -> PSH,ACK 15000:16000
  <- ACK ack 10000
  <- ACK ack 10000
  <- ACK ack 10000
  +10ms nothing
  `,
);

script(
  'RFC 9438 4.6: CUBIC reduces to 0.7 of the window',
  `
  established <mss 1000> rtt 100ms win 10000 with congestion cubic
  write 20000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  -> ACK 0:1000
  expect ssthresh 7000 cwnd 7000
  `,
);

script(
  'RFC 9438 4.8: a timeout: ssthresh is 0.7 of the window, cwnd one segment',
  `
  established <mss 1000> rtt 100ms with congestion cubic
  write 20000
  -> ACK 0:10000/1000
  +300ms -> ACK 0:1000
  expect ssthresh 7000 cwnd 1000
  `,
);

script(
  'RFC 5681 3.1: cwnd is not more than the window lets be used: nothing beyond rwnd',
  `
  established <mss 1000> rtt 100ms win 2500
  write 10000
  -> ACK 0:2000/1000
  +100ms <- ACK ack 2000
  -> ACK 2000:4000/1000
  `,
);

script(
  'RFC 6582 4: duplicates that our own copies cause after a timeout start no fast retransmit',
  `
  established <mss 1000> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +300ms -> ACK 0:1000                    # only the first was lost, and all ACKs
  +100ms <- ACK ack 1000
  -> ACK 1000:3000/1000
  <- ACK ack 1000
  <- ACK ack 1000
  <- ACK ack 1000
  <- ACK ack 1000
  expect cwnd 2000 ssthresh 5000
  +100ms <- ACK ack 10000
  told drained
  `,
);

script(
  'RFC 6582 3.2, step 4: a timeout ends a fast recovery',
  `
  established <mss 1000> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  -> ACK 0:1000
  expect cwnd 5000
  +200ms -> ACK 0:1000
  expect cwnd 1000 ssthresh 2500
  `,
);

script(
  'RFC 6582 3.2, step 3: a partial ACK deflates the window by what it acknowledges, less one segment',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 40000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 0
  -> ACK 10000:11000
  <- ACK ack 0
  -> ACK 11000:12000
  <- ACK ack 0
  -> ACK 0:1000                           # cwnd = 8000
  <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  -> ACK 12000:13000
  <- ACK ack 0
  -> ACK 13000:14000
  <- ACK ack 0
  -> ACK 14000:15000                      # 15000
  +100ms <- ACK ack 3000
  -> ACK 3000:4000
  -> ACK 15000:16000                      # 13000, of which 12000 are out
  `,
);

script(
  'RFC 6582 3.2, step 3: a partial ACK inside the segment that was sent again: what is left of it goes again',
  `
  established <mss 1000> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0
  <- ACK ack 0
  <- ACK ack 0
  -> ACK 0:1000
  +100ms <- ACK ack 500 win 9500
  -> ACK 500:1000
  `,
);
