// RFC 5482: the user timeout option.

import { script } from './script.ts';

script(
  'RFC 5482 3.1: ADV_UTO goes out with the SYN, and with two ACKs more, for nothing assures that it arrives',
  `
  connect userTimeoutOption userTimeout 30s
  -> SYN <mss 1440, sackok, ts, ws *, uto 30>
  <- SYN,ACK ack 0 <mss 1000>
  -> ACK ack 0 <uto 30>
  <- PSH,ACK 0:10
  +40ms -> ACK ack 10 <uto 30>
  <- PSH,ACK 10:20
  +40ms -> ACK ack 20
  `,
);

script(
  'RFC 5482 3.1: USER_TIMEOUT is the larger of ours, 300 s, and of the 400 s that the peer asks for',
  `
  listen userTimeoutOption
  <- SYN <mss 1000, uto 400>
  -> SYN,ACK ack 0 <mss 1440, uto 300>
  <- ACK ack 0
  write 10
  -> PSH,ACK 0:10
  +200ms -> PSH,ACK 0:10
  +400ms -> PSH,ACK 0:10
  +800ms -> PSH,ACK 0:10
  +1.6s -> PSH,ACK 0:10
  +3.2s -> PSH,ACK 0:10
  +6.4s -> PSH,ACK 0:10
  +12.8s -> PSH,ACK 0:10
  +25.6s -> PSH,ACK 0:10
  +51.2s -> PSH,ACK 0:10
  +60s -> PSH,ACK 0:10
  +60s -> PSH,ACK 0:10
  +60s -> PSH,ACK 0:10
  +60s -> PSH,ACK 0:10
  +57.8s -> RST,ACK seq 10
  told connected closed:timed-out
  `,
);

script(
  'RFC 5482 3.1: CHANGEABLE is false once the application has chosen: the option of the peer changes nothing',
  `
  listen userTimeoutOption userTimeout 5s
  <- SYN <mss 1000, uto 400>
  -> SYN,ACK ack 0 <mss 1440, uto 5>
  <- ACK ack 0
  write 10
  -> PSH,ACK 0:10
  +200ms -> PSH,ACK 0:10
  +400ms -> PSH,ACK 0:10
  +800ms -> PSH,ACK 0:10
  +1.6s -> PSH,ACK 0:10
  +2s -> RST,ACK seq 10
  `,
);

script(
  'RFC 5482 3.1: not ENABLED: the option is neither sent nor heeded',
  `
  listen
  <- SYN <mss 1000, uto 400>
  -> SYN,ACK ack 0 <mss 1440>
  `,
);
