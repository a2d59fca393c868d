// RFC 7413: TCP Fast Open, as server and as client.

import { script } from './script.ts';

script(
  'RFC 7413 4.1.2, 4.2.2: server: a request for a cookie is answered with one; text on that SYN has to come again',
  `
  listen fastOpen
  <- SYN 0:10 <mss 1000, tfo>
  -> SYN,ACK ack 0 <mss 1440, tfo *>
  told nothing
  +10ms <- PSH,ACK 0:10 ack 0
  told connected readable
  `,
);

script(
  'RFC 7413 4.2.2: server: text with a good cookie is delivered and answered before the handshake is done',
  `
  listen fastOpen
  <- SYN <mss 1000, tfo>
  -> SYN,ACK ack 0 <mss 1440, tfo *>
  <- RST seq 0
  +1s <- SYN 0:100 <mss 1000, tfo *>
  -> SYN,ACK iss * ack 100 <mss 1440>
  told connected readable
  read 100
  write 500
  -> PSH,ACK 0:500 ack 100                # Nagle does not count the SYN
  write 20
  state SYN-RECEIVED
  +10ms <- ACK seq 100 ack 500
  -> PSH,ACK 500:520
  state ESTABLISHED
  `,
);

script(
  'RFC 7413 4.2.2: server: a bad cookie: only the SYN is acknowledged, and a good one is given',
  `
  listen fastOpen
  <- SYN 0:100 <mss 1000, tfo 0102030405060708>
  -> SYN,ACK ack 0 <mss 1440, tfo *>
  told nothing
  +10ms <- ACK 0:100 ack 0
  told connected readable
  read 100
  `,
);

script(
  'RFC 7413 4.1.1: server: without Fast Open the option is not answered',
  `
  listen
  <- SYN 0:10 <mss 1000, tfo>
  -> SYN,ACK ack 0 <mss 1440>
  `,
);

script(
  'RFC 7413 4.1.3, 4.2.1: client: asks for a cookie first; the next SYN brings it, with text',
  `
  connect fastOpen writing 10
  -> SYN <mss 1440, sackok, ts, ws *, tfo>
  +10ms <- SYN,ACK ack 0 <mss 1000, tfo 0102030405060708>
  -> PSH,ACK 0:10 ack 0
  abort
  -> RST,ACK seq 10
  +8ms connect fastOpen writing 100
  -> SYN 0:100 iss * <mss 1440, sackok, ts, ws *, tfo 0102030405060708>
  +10ms <- SYN,ACK seq -1 ack 100 <mss 1000>
  -> ACK ack 0
  told connected drained
  state ESTABLISHED
  `,
);

script(
  'RFC 7413 4.2.1: client: a SYN,ACK of the SYN alone: the text goes again at once, as any text',
  `
  connect fastOpen
  -> SYN <mss 1440, sackok, ts, ws *, tfo>
  <- SYN,ACK ack 0 <mss 1000, tfo 0102030405060708>
  -> ACK ack 0
  abort
  -> RST,ACK
  +8ms connect fastOpen writing 100
  -> SYN 0:100 iss * <mss 1440, sackok, ts, ws *, tfo 0102030405060708>
  +10ms <- SYN,ACK seq -1 ack 0 <mss 1000, tfo 1112131415161718>
  -> PSH,ACK 0:100 ack 0
  told connected
  `,
);

script(
  'RFC 7413 4.1.3.1: client: no answer to a SYN with text: it is repeated without option and text',
  `
  connect fastOpen
  -> SYN <mss 1440, sackok, ts, ws *, tfo>
  <- SYN,ACK ack 0 <mss 1000, tfo 0102030405060708>
  -> ACK ack 0
  abort
  -> RST,ACK
  +8ms connect fastOpen writing 100
  -> SYN 0:100 iss * <mss 1440, sackok, ts, ws *, tfo 0102030405060708>
  +1s -> SYN seq -1 <mss 1440, sackok, ts, ws *>
  +10ms <- SYN,ACK seq -1 ack 0 <mss 1000>
  -> PSH,ACK 0:100 ack 0
  `,
);

script(
  'RFC 8201 5.4: client: a SYN whose text is too large for the path leaves again at once, with what fits',
  `
  connect fastOpen
  -> SYN <mss 1440, sackok, ts, ws *, tfo>
  +10ms <- SYN,ACK ack 0 <mss 1440, tfo 0102030405060708>
  -> ACK ack 0
  abort
  -> RST,ACK seq 0
  +8ms connect fastOpen writing 3000
  -> SYN 0:1408 iss * <mss 1440, sackok, ts, ws *, tfo 0102030405060708>
  path mtu 1400
  +5ms icmp packet-too-big mtu 1400 seq -1
  -> SYN 0:1308 <mss 1440, sackok, ts, ws *, tfo 0102030405060708>
  new-iss 300000
  +10ms <- SYN,ACK ack 1308 <mss 1440>
  -> ACK 1308:1408 ack 0
  -> ACK 1408:2748
  expect cwnd 13400                       # no SYN was lost
  +10ms <- ACK ack 2748
  -> PSH,ACK 2748:3000                    # Nagle
  abort
  -> RST,ACK seq 3000
  +8ms connect fastOpen writing 100        # and Fast Open is not given up for it
  -> SYN 0:100 iss * <mss 1340, sackok, ts, ws *, tfo 0102030405060708>
  `,
);
