// RFC 8985 RACK-TLP and RFC 9937 PRR, with the scoreboard of RFC 6675: loss recovery with SACK, step by step.

import { script } from './script.ts';

script(
  'RFC 6675 5: three segments SACKed above a hole: it is sent again at once, and only it',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 1000:2000>
  <- ACK ack 0 <sack 1000:3000>
  <- ACK ack 0 <sack 1000:4000>
  -> ACK 0:1000
  <- ACK ack 0 <sack 1000:5000>
  <- ACK ack 0 <sack 1000:10000>
  +100ms <- ACK ack 10000
  expect ssthresh 5000 cwnd 5000 retransmits 1
  `,
);

script(
  'RFC 6675 5: several holes are filled in one recovery, in order, with one reduction',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 1000:2000 3000:4000 5000:10000>
  -> ACK 0:1000
  -> ACK 2000:3000
  -> ACK 4000:5000
  expect ssthresh 5000
  +100ms <- ACK ack 2000 <sack 3000:4000 5000:10000>
  <- ACK ack 4000 <sack 5000:10000>
  <- ACK ack 10000
  expect ssthresh 5000 cwnd 5000 retransmits 3
  `,
);

script(
  'RFC 9937 6.2: PRR: on the way down to ssthresh every second segment that is delivered lets one go',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  write 20000
  +100ms <- ACK ack 0 <sack 1000:4000>    # RecoverFS 10000, 3000 delivered: ceil(3000 / 2), the retransmission of it
  -> ACK 0:1000
  <- ACK <sack 1000:5000>                 # 4000 / 2 - 1000 sent
  -> ACK 10000:11000
  <- ACK <sack 1000:6000>                 # 5000 / 2 - 2000: no whole segment
  <- ACK <sack 1000:7000>                 # inflight has come down to 5000 = ssthresh
  <- ACK <sack 1000:8000>                 # and stays there
  -> ACK 11000:12000
  <- ACK <sack 1000:9000>
  -> ACK 12000:13000
  <- ACK <sack 1000:10000>
  -> ACK 13000:14000
  +100ms <- ACK ack 10000                 # the end: cwnd = ssthresh
  -> ACK 14000:15000
  expect cwnd 5000
  `,
);

script(
  'RFC 9937 6.2: below ssthresh: PRR-CRB sends what was delivered, PRR-SSRB one more where SND.UNA advances',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  write 20000
  +100ms <- ACK ack 0 <sack 7000:8000>
  -> ACK 10000:11000                      # limited transmit, by the pipe
  <- ACK <sack 7000:9000>
  -> ACK 11000:12000
  <- ACK <sack 7000:10000>                # seven lost: inflight 2000
  -> ACK 0:1000
  +100ms <- ACK ack 1000 <sack 7000:10000>
  -> ACK 1000:3000/1000
  <- ACK ack 1000 <sack 7000:11000>
  -> ACK 3000:4000
  expect inFlight 4000 ssthresh 5000
  `,
);

script(
  'RFC 8985 6.2, step 5: RACK waits a quarter of the least RTT for what may only be reordered',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 1000:2000>
  +25ms -> ACK 0:1000
  expect ssthresh 5000
  `,
);

script(
  'RFC 8985 6.2: what comes late within the reordering window is not sent again',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 1000:2000>
  +24.999ms <- ACK ack 2000
  +70ms <- ACK ack 10000
  expect retransmits 0 cwnd 10000
  `,
);

script(
  'RFC 8985 6.2, step 4: once reordering was seen, three SACKed segments are no reason to hurry',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 1000:2000>
  <- ACK ack 2000                         # the first one came after the second
  <- ACK <sack 3000:4000>
  <- ACK <sack 3000:5000>
  <- ACK <sack 3000:6000>
  +25ms -> ACK 2000:3000
  `,
);

script(
  'RFC 8985 6.2, step 5: a retransmission that is lost is found by what was sent after it',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 30000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 0 <sack 1000:10000>
  -> ACK 0:1000
  -> ACK 10000:14000/1000
  +100ms <- ACK <sack 1000:11000>         # sent with the retransmission, behind it
  -> ACK 0:1000
  -> ACK 14000:15000
  `,
);

script(
  'RFC 8985 6.2, step 4: a D-SACK of a needless retransmission widens the reordering window',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 1000:2000>
  +25ms -> ACK 0:1000
  +5ms <- ACK ack 2000                    # the original was late by 30 ms
  +95ms <- ACK ack 10000 <sack 0:1000>    # both have come
  write 5000
  -> ACK 10000:14000/1000
  -> PSH,ACK 14000:15000
  +100ms <- ACK ack 10000 <sack 11000:15000>
  +50ms -> ACK 10000:11000                # twice a quarter of 100 ms
  `,
);

script(
  'RFC 8985 7.2, 7.3: TLP: two round trips without an ACK: the last segment is sent again',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 3000
  -> ACK 0:2000/1000
  -> PSH,ACK 2000:3000
  +200ms -> PSH,ACK 2000:3000
  expect cwnd 10000
  `,
);

script(
  'RFC 8985 7.3: TLP: new text, if there is any that the window takes, whatever cwnd says',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 30000
  -> ACK 0:10000/1000
  +200ms -> ACK 10000:11000
  +300ms -> ACK 0:1000                    # one probe only; then the RTO, which began anew with it
  expect cwnd 1000
  `,
);

script(
  'RFC 8985 7.2: TLP: one segment alone waits for the delayed ACK of its receiver as well, but not beyond the RTO',
  `
  established <mss 1000, sackok> rtt 10ms with congestion newreno
  write 100
  -> PSH,ACK 0:100
  +200ms -> PSH,ACK 0:100                 # 2 * 10 + 200, and RTO = 200: the probe stands in for it
  expect cwnd 10000
  +200ms -> PSH,ACK 0:100
  expect cwnd 1000
  `,
);

script(
  'RFC 8985 7.4, 6: the SACK that the probe draws lets RACK find the losses before it',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 4000
  -> ACK 0:3000/1000
  -> PSH,ACK 3000:4000
  +100ms <- ACK ack 1000
  +200ms -> PSH,ACK 3000:4000
  +100ms <- ACK <sack 3000:4000>
  -> ACK 1000:2000
  expect ssthresh 2000
  +100ms <- ACK ack 2000 <sack 3000:4000>
  -> ACK 2000:3000
  `,
);

script(
  'RFC 8985 7.4: a probe that repaired the loss itself: cwnd is reduced all the same',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 3000
  -> ACK 0:2000/1000
  -> PSH,ACK 2000:3000
  +100ms <- ACK ack 2000
  +275ms -> PSH,ACK 2000:3000             # PTO = 400, RTO = 275 (a sample counts half: RFC 7323 appendix G)
  +100ms <- ACK ack 3000
  write 1000
  -> PSH,ACK 3000:4000
  +100ms <- ACK ack 4000
  expect ssthresh 2000
  `,
);

script(
  'RFC 8985 7.4: a D-SACK of the probe: nothing was lost, nothing is reduced',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 3000
  -> ACK 0:2000/1000
  -> PSH,ACK 2000:3000
  +200ms -> PSH,ACK 2000:3000
  +10ms <- ACK ack 3000
  +100ms <- ACK ack 3000 <sack 2000:3000>
  write 1000
  -> PSH,ACK 3000:4000
  +100ms <- ACK ack 4000
  expect cwnd 10000
  `,
);

script(
  'RFC 8985 7: no probe without SACK',
  `
  established <mss 1000> rtt 100ms with congestion newreno
  write 3000
  -> ACK 0:2000/1000
  -> PSH,ACK 2000:3000
  +300ms -> ACK 0:1000
  `,
);

script(
  'RFC 8985 7.3: no probe into a recovery',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 1000:4000>
  -> ACK 0:1000
  +200ms -> ACK 0:1000                    # the RTO, from the first segment on (RFC 6298 5.1)
  `,
);

script(
  'RFC 6675 5.1: a timeout: everything that is not SACKed is lost, slow start brings it again',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +200ms -> PSH,ACK 9000:10000            # the probe
  +300ms -> ACK 0:1000
  expect cwnd 1000 ssthresh 5000
  +100ms <- ACK ack 1000
  -> ACK 1000:3000/1000
  +100ms <- ACK ack 3000 <sack 5000:6000>
  -> ACK 3000:5000/1000
  -> ACK 6000:8000/1000
  `,
);

script(
  'RFC 8985 7.2: without a measurement of the round trip the probe waits a second',
  `
  connect
  -> SYN <*>
  +1s -> SYN <*>
  +100ms <- SYN,ACK ack 0 <mss 1000, sackok>
  -> ACK ack 0
  write 10
  -> PSH,ACK 0:10
  +1s -> PSH,ACK 0:10
  `,
);

script(
  'RFC 8985 7.3: a probe of new text that ends in a short segment',
  `
  established <mss 1000, sackok> rtt 100ms win 10500 with congestion newreno
  write 10500
  -> ACK 0:10000/1000
  +200ms -> PSH,ACK 10000:10500
  `,
);

script(
  'RFC 8985 7.3: no probe into a shut window',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 3000
  -> ACK 0:2000/1000
  -> PSH,ACK 2000:3000
  +100ms <- ACK ack 1000 win 0
  +275ms -> ACK 1000:2000                 # the RTO, alone, as a probe of the window
  expect cwnd 10000
  `,
);

script(
  'RFC 6675 5: an ACK that only SACKs what is known already lets nothing leave',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 30000
  -> ACK 0:10000/1000
  +100ms <- ACK ack 0 <sack 1000:4000>
  -> ACK 0:1000
  <- ACK ack 0 <sack 1000:4000>
  <- ACK ack 0 <sack 1000:4000>
  <- ACK ack 0 <sack 2000:3000>
  <- ACK ack 0
  `,
);

script(
  'RFC 6675 5: a hole at the end of the flight and a FIN behind it',
  `
  established <mss 1000, sackok> rtt 100ms with congestion newreno
  write 3000
  -> ACK 0:2000/1000
  -> PSH,ACK 2000:3000
  shutdown
  -> FIN,ACK
  +100ms <- ACK ack 1000 <sack 3000:3001>
  +25ms -> ACK 1000:2000
  +100ms <- ACK ack 2000 <sack 3000:3001>
  -> PSH,ACK 2000:3000
  +100ms <- ACK ack 3001
  state FIN-WAIT-2
  `,
);

script(
  'RFC 8985 6.2, step 4: a D-SACK inside a block above the ACK (RFC 2883 4.1.3) is one too',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 10000
  -> ACK 0:9000/1000
  -> PSH,ACK 9000:10000
  +100ms <- ACK ack 0 <sack 1000:2000 3000:10000>
  -> ACK 0:1000
  -> ACK 2000:3000
  +10ms <- ACK ack 0 <sack 1000:10000>    # 2000:3000 was only late,
  +90ms <- ACK ack 0 <sack 2000:3000 1000:10000>
  <- ACK ack 10000                        # 0:1000 was lost
  write 5000
  -> ACK 10000:14000/1000
  -> PSH,ACK 14000:15000
  +100ms <- ACK ack 10000 <sack 11000:15000>
  +50ms -> ACK 10000:11000
  `,
);

script(
  'RFC 8985 7.3: the window does not take the new text: the probe is the last segment again',
  `
  established <mss 1000, sackok> rtt 100ms win 10000 with congestion newreno
  write 12000
  -> ACK 0:10000/1000
  +200ms -> ACK 9000:10000
  `,
);
