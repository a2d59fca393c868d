// RFC 6298: the retransmission timer, to the microsecond.

import { script } from './script.ts';

script(
  'RFC 6298 2.1: before there is a measurement the RTO is one second',
  `
  connect
  -> SYN <*>
  expect rto 1s
  +1s -> SYN <*>
  `,
);

script(
  'RFC 6298 2.2: first measurement R: SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 * RTTVAR',
  `
  established rtt 100ms
  expect srtt 100ms rto 300ms
  write 10
  -> PSH,ACK 0:10
  +300ms -> PSH,ACK 0:10
  `,
);

script(
  "RFC 6298 2.3: measurement R': RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R'|, then SRTT = 7/8 SRTT + 1/8 R'",
  `
  established rtt 100ms
  write 10
  -> PSH,ACK 0:10
  +200ms <- ACK ack 10
  expect srtt 112.5ms rto 362.5ms
  write 10
  -> PSH,ACK 10:20
  +362.5ms -> PSH,ACK 10:20
  `,
);

script(
  'RFC 6298 2.3: equal measurements bring RTTVAR down',
  `
  established rtt 200ms
  expect rto 600ms                        # 200 + 4 * 100
  write 10
  -> PSH,ACK 0:10
  +200ms <- ACK ack 10
  expect rto 500ms                        # 200 + 4 * 75
  write 10
  -> PSH,ACK 10:20
  +200ms <- ACK ack 20
  expect rto 425ms                        # 200 + 4 * 56.25
  `,
);

script(
  'RFC 6298 2.4: the least RTO: 200 ms here, instead of 1 s (see the README)',
  `
  established rtt 10ms
  expect srtt 10ms rto 200ms
  write 10
  -> PSH,ACK 0:10
  +200ms -> PSH,ACK 0:10
  `,
);

script(
  'RFC 6298 2.5, 5.5: the RTO doubles at each expiry, up to the maximum of 60 s',
  `
  established rtt 900ms with userTimeout 1000s
  write 10
  -> PSH,ACK 0:10
  +2.7s -> PSH,ACK 0:10
  +5.4s -> PSH,ACK 0:10
  +10.8s -> PSH,ACK 0:10
  +21.6s -> PSH,ACK 0:10
  +43.2s -> PSH,ACK 0:10
  +60s -> PSH,ACK 0:10
  +60s -> PSH,ACK 0:10
  `,
);

script(
  'RFC 6298 3: Karn: no measurement from a segment that was retransmitted',
  `
  established rtt 100ms
  write 10
  -> PSH,ACK 0:10
  +300ms -> PSH,ACK 0:10
  +5ms <- ACK ack 10
  expect srtt 100ms
  `,
);

script(
  'RFC 6298 3: Karn: the backed off RTO is used for what follows, until it is measured',
  `
  established rtt 100ms
  write 10
  -> PSH,ACK 0:10
  +300ms -> PSH,ACK 0:10
  +50ms <- ACK ack 10
  write 10
  -> PSH,ACK 10:20
  +599.999ms nothing
  +1us -> PSH,ACK 10:20
  `,
);

script(
  'RFC 6298 5.2: the timer is off when everything is acknowledged',
  `
  established rtt 100ms
  write 10
  -> PSH,ACK 0:10
  +100ms <- ACK ack 10
  +1000s nothing
  `,
);

script(
  'RFC 6298 5.1, 5.3: the timer runs from the first segment, and starts anew with each ACK of new data',
  `
  established rtt 100ms with noDelay
  write 10
  -> PSH,ACK 0:10
  +50ms write 10
  -> PSH,ACK 10:20
  +50ms <- ACK ack 10
  expect rto 250ms
  +250ms -> PSH,ACK 10:20                 # not 250 ms after it was sent
  `,
);

script(
  'RFC 6298 5.4: the earliest segment that is not acknowledged is sent again, and it alone',
  `
  established <mss 1000> rtt 100ms
  write 3000
  -> ACK 0:2000/1000
  -> PSH,ACK 2000:3000
  +300ms -> ACK 0:1000
  +600ms -> ACK 0:1000
  `,
);

script(
  'RFC 6298 5.7: the SYN had to be repeated: the RTO is 3 s when data transmission begins',
  `
  connect
  -> SYN <*>
  +1s -> SYN <*>
  +100ms <- SYN,ACK ack 0 <mss 1000>
  -> ACK ack 0
  write 10
  -> PSH,ACK 0:10
  +3s -> PSH,ACK 0:10
  `,
);

script(
  'RFC 6298 5.7: the SYN,ACK had to be repeated: likewise',
  `
  listen congestion newreno
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  +1s -> SYN,ACK seq -1 <*>
  +100ms <- ACK ack 0
  expect rto 3s cwnd 1000                 # RFC 5681 3.1
  write 2000
  -> ACK 0:1000
  +3s -> ACK 0:1000
  `,
);
