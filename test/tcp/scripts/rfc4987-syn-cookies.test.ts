// RFC 4987: SYN floods, and the cookies against them.

import { script } from './script.ts';

script(
  'RFC 4987 3.6: SYN cookies: a SYN beyond the backlog is answered and forgotten; the ACK of the answer is enough',
  `
  listen backlog 1
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  <- SYN seq -1 port 81 <mss 1000>
  -> SYN,ACK port 81 iss * ack 0 <mss 1440>
  +10ms <- ACK seq 0 ack 0 port 81
  told connected
  <- PSH,ACK 0:10 port 81
  +40ms -> ACK seq 0 ack 10 port 81
  `,
);

script(
  'RFC 4987 3.6: SYN cookies: an ACK of no cookie is reset, as anywhere',
  `
  listen backlog 1
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  <- SYN seq -1 port 81 <mss 1000>
  -> SYN,ACK port 81 iss * ack 0 <*>
  <- ACK seq 0 ack 1000 port 81
  -> RST seq 1000 port 81
  <- ACK seq 1 ack 0 port 81
  -> RST seq 0 port 81
  told nothing
  `,
);
