// RFC 5961: blind in-window attacks: RST, SYN, data; and RFC 5927: attacks by ICMP, with RFC 9293 3.9.2.2.

import { script } from './script.ts';

script(
  'RFC 5961 3.2, 1: a RST outside of the window is dropped in silence',
  `
  established with receiveBuffer 4096
  <- RST seq -1
  <- RST seq 4097
  <- RST seq 2000000
  <- RST,ACK seq -1000
  state ESTABLISHED
  `,
);

script(
  'RFC 5961 3.2, 2: a RST at exactly RCV.NXT resets the connection',
  `
  established with receiveBuffer 4096
  <- PSH,ACK 0:100
  +40ms -> ACK ack 100
  <- RST seq 100
  state CLOSED
  told readable closed:reset
  read 100                                # what had come is still there
  `,
);

script(
  'RFC 5961 3.2, 3: a RST elsewhere in the window gets a challenge ACK, which an honest peer answers with a good RST',
  `
  established
  <- RST seq 1
  -> ACK seq 0 ack 0
  <- RST seq 65534
  -> ACK
  <- RST,ACK seq 10
  -> ACK
  state ESTABLISHED
  +20ms <- RST seq 0
  state CLOSED
  told closed:reset
  `,
);

script(
  'RFC 5961 3.2: a RST at the number behind octets that have not come yet is no exact match',
  `
  established <mss 1000, sackok>
  <- ACK 1000:2000
  -> ACK ack 0 <sack 1000:2000>
  <- RST seq 2000
  -> ACK <sack 1000:2000>
  state ESTABLISHED
  `,
);

script(
  'RFC 5961 4.2: a SYN in any synchronized state gets a challenge ACK, whatever its number',
  `
  established
  <- SYN
  -> ACK seq 0 ack 0
  <- SYN seq 0
  -> ACK
  <- SYN seq 10000000
  -> ACK
  <- SYN,ACK seq 0 ack 0
  -> ACK
  <- SYN,FIN seq 0
  -> ACK
  state ESTABLISHED
  <- ACK 0:10
  +40ms -> ACK ack 10
  `,
);

script(
  'RFC 5961 4.2: a peer that has restarted answers the challenge with a RST of the right number',
  `
  established
  write 10
  -> PSH,ACK 0:10
  +10ms <- ACK ack 10
  +100s <- SYN seq 123456
  -> ACK seq 10 ack 0
  +10ms <- RST seq 0
  state CLOSED
  told drained closed:reset
  `,
);

script(
  'RFC 5961 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT is acceptable, what lies outside gets an ACK',
  `
  established win 3000
  write 6000
  -> ACK 0:3000/1000
  +10ms <- ACK ack 3000
  -> ACK 3000:5000/1000
  -> PSH,ACK 5000:6000
  +10ms <- ACK ack 6000
  <- PSH,ACK 0:10 ack 2999                # 3001 below SND.UNA
  -> ACK seq 6000 ack 0
  <- PSH,ACK 0:10 ack 6001
  -> ACK
  read nothing
  <- PSH,ACK 0:10 ack 3000
  +40ms -> ACK ack 10
  `,
);

script(
  'RFC 5961 7: challenge ACKs are throttled: ten in five seconds, for each connection',
  `
  established
  <- RST seq 1
  -> ACK seq 0 ack 0
  <- RST seq 1
  -> ACK
  <- RST seq 1
  -> ACK
  <- RST seq 1
  -> ACK
  <- RST seq 1
  -> ACK
  <- SYN
  -> ACK
  <- SYN
  -> ACK
  <- SYN
  -> ACK
  <- SYN
  -> ACK
  <- SYN
  -> ACK
  +4.9s <- RST seq 1
  <- SYN
  +99.999ms <- SYN
  +1us <- RST seq 1
  -> ACK
  `,
);

script(
  'RFC 5961 3.2: SYN-RECEIVED: the same defence for a connection that is only half open',
  `
  listen
  <- SYN <mss 1000>
  -> SYN,ACK ack 0 <*>
  <- RST seq 5000
  -> ACK seq 0 ack 0
  <- RST seq 70000
  state SYN-RECEIVED
  <- ACK seq 0 ack 0
  state ESTABLISHED
  `,
);

script(
  'RFC 5927 4.1: an ICMP error whose sequence number is not in flight is ignored',
  `
  established <mss 1440>
  write 2880
  -> ACK 0:1440
  -> PSH,ACK 1440:2880
  icmp packet-too-big mtu 1280 seq -1
  icmp packet-too-big mtu 1280 seq 2881
  icmp unreachable code 4 seq 100000
  expect sendMss 1440
  state ESTABLISHED
  `,
);

script(
  'RFC 5927 5.2, RFC 9293 3.9.2.2: hard errors do not abort a connection that is synchronized',
  `
  established
  write 10
  -> PSH,ACK 0:10
  icmp unreachable code 4 seq 0
  icmp unreachable code 1 seq 0
  icmp parameter-problem code 1 seq 0
  state ESTABLISHED
  +10ms <- ACK ack 10
  told drained
  `,
);

script(
  'RFC 9293 3.9.2.2: a hard error about our SYN ends the attempt (SHLD-26)',
  `
  connect
  -> SYN <*>
  icmp unreachable code 4 seq -1
  state CLOSED
  told closed:unreachable
  `,
);

script(
  'RFC 9293 3.9.2.2: soft errors do not abort the connection (MUST-56): time exceeded',
  `
  connect
  -> SYN <*>
  icmp time-exceeded seq -1
  icmp time-exceeded code 1 seq -1
  icmp parameter-problem seq -1
  state SYN-SENT
  +1s -> SYN <*>
  `,
);

script(
  'RFC 5927 7.2: Packet Too Big for what was acknowledged already does nothing',
  `
  established <mss 1440>
  write 1440
  -> PSH,ACK 0:1440
  +10ms <- ACK ack 1440
  write 1440
  -> PSH,ACK 1440:2880
  icmp packet-too-big mtu 1280 seq 0
  expect sendMss 1440
  `,
);
