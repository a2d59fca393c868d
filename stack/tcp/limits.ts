// Every bound and constant of TCP in one place, each with its reason. What a peer can feed is bounded here;
// what the RFCs leave to the implementer is chosen here.

import { type Duration, milliseconds, seconds } from '../core/time.ts';

// --- segments (RFC 9293 3.7.1, RFC 8200 8.3) --------------------------------------------------------------

export const IPV6_HEADER_LEN = 40;
/** MSS of a peer that sends no option: 1280 - 40 - 20. */
export const DEFAULT_MSS = 1220;
/** A peer's MSS option below this is taken for this, lest one octet of data cost sixty of headers. */
export const MIN_MSS = 216;
/** An IPv6 payload without a jumbo option (RFC 8200 4.3 is not supported): bounds a super-frame. */
export const MAX_IPV6_PAYLOAD = 65_535;

// --- buffers ----------------------------------------------------------------------------------------------

/** What a buffer begins with where nothing is said: as Linux. It grows with what the connection needs. */
export const INITIAL_BUFFER = 128 * 1024;
/** How far it grows by itself: 1 Gbit/s over 130 ms, in one connection. */
export const DEFAULT_MAX_BUFFER = 16 * 1024 * 1024;
export const MIN_BUFFER = 4 * 1024;
/** What the buffers of all connections may hold: some thousands at their first size, a few dozen at their largest. */
export const DEFAULT_MAX_MEMORY = 512 * 1024 * 1024;
/** Window and send buffer of each connection while memory is tight: a few segments, so that all go on. */
export const TIGHT_BUFFER = 16 * 1024;
/** Time between two looks for out-of-order octets to drop: it takes a walk over all connections. */
export const RELIEF_PERIOD: Duration = milliseconds(100);
/** The largest window that RFC 7323 2.3 can express: 65535 << 14, rounded down to a power of two. */
export const MAX_BUFFER = 512 * 1024 * 1024;
/** Share of a device's queue that one connection's window may fill: the rest is for small segments and for others. */
export const QUEUE_SHARE = 3 / 4;
/** RFC 7323 2.3. */
export const MAX_WINDOW_SHIFT = 14;
/** Islands in the out-of-order queue; the octets in it are bounded by the window. */
export const MAX_OUT_OF_ORDER_RANGES = 1024;
/** RFC 2018 3: blocks that fit beside a timestamp; one more where there is none (wire/tcp-option.ts). */
export const MAX_SACK_BLOCKS_BESIDE_TIMESTAMP = 3;
/**
 * Runs of the flight up to which SACK may cut them in two: a peer that acknowledges every second octet gets no more of
 * them. Segments as they were sent are SACKed beyond that too: a large window has as many honestly.
 */
export const MAX_FLIGHT_RUNS = 16_384;

// --- retransmission (RFC 6298) ------------------------------------------------------------------------------

export const INITIAL_RTO: Duration = seconds(1);
/** Deviates from RFC 6298 2.4 (1 s): 200 ms, as every large stack does, allowed by RFC 8961 where RTT is sampled. */
export const MIN_RTO: Duration = milliseconds(200);
export const MAX_RTO: Duration = seconds(60);
/** RFC 6298 5.7: the least RTO after a SYN that had to be sent again. */
export const RTO_AFTER_SYN_LOSS: Duration = seconds(3);
/** Clock granularity G: timers here are exact to the tick of the driver. */
export const CLOCK_GRANULARITY: Duration = milliseconds(1);
/** RFC 5681 2: duplicate ACKs that mean a loss. */
export const DUP_THRESH = 3;
/** RFC 8985 6.2, step 4: recoveries without a D-SACK until the reordering window is as small as it was. */
export const REO_WND_PERSIST = 16;
/** Runs that are late but not yet lost at which RACK looks to set its timer; for more of them it is set a little later. */
export const MAX_LATE_RUNS = 64;
/** RFC 8985 7.2: the PTO before the first RTT sample, and the least: below it is what event loops and ACKs of pairs take. */
export const PTO_WITHOUT_RTT: Duration = seconds(1);
export const MIN_PTO: Duration = milliseconds(10);
/** TLP.max_ack_delay: as large as delayed ACKs come. */
export const MAX_PEER_ACK_DELAY: Duration = milliseconds(200);
/** Ranges sent again that are remembered, to know a D-SACK of theirs: a round trip of them at common loss rates. */
export const MAX_REMEMBERED_COPIES = 64;
/** R1 of RFC 9293 3.8.3: so many timeouts in a row, and the path is suspected of swallowing large packets. */
export const R1_RETRANSMITS = 3;
/** The same with evidence: small segments pass, or none of text ever did. */
export const R1_WITH_EVIDENCE = 2;
/** RFC 4821 7.4: round trips from a lost probe for the path MTU to the next, doubled for each that taught nothing. */
export const MTU_PROBE_PAUSE_RTTS = 2;
export const MAX_PROBE_BACKOFF = 8;
/** A SYN,ACK is sent again so often; then the half-open connection goes (about a minute). */
export const MAX_SYN_ACK_RETRANSMITS = 5;

// --- timers -------------------------------------------------------------------------------------------------

export const DEFAULT_DELAYED_ACK: Duration = milliseconds(40);
/** RFC 9293 3.8.6.3 MUST-40. */
export const MAX_DELAYED_ACK: Duration = milliseconds(499);
export const DEFAULT_USER_TIMEOUT: Duration = seconds(300);
/** RFC 5482 3.1, L_LIMIT and U_LIMIT: what a peer's option can make of it. RFC 9293 3.8.3 wants 100 s at least (R2). */
export const LEAST_ADOPTED_USER_TIMEOUT: Duration = seconds(100);
export const MOST_ADOPTED_USER_TIMEOUT: Duration = seconds(3600);
/** Pure ACKs that repeat the option: the SYN's may be stripped, or lost in a SYN cookie. */
export const USER_TIMEOUT_COPIES = 2;
/** 2 MSL, with an MSL of 30 s. Deviates from RFC 9293 3.4.2 (MSL 2 minutes), as every large stack does. */
export const DEFAULT_TIME_WAIT: Duration = seconds(60);
/** How long, in RTOs, copies of the ACK that ended LAST-ACK are expected. */
export const LAST_ACK_LINGER_RTOS = 4;
export const KEEPALIVE_INTERVAL: Duration = seconds(75);
export const KEEPALIVE_PROBES = 9;
/** RFC 9293 3.8.6.2.1: the override timeout of the sender's silly window avoidance, 0.1 to 1 s. */
export const SWS_OVERRIDE: Duration = milliseconds(200);
/** RFC 7323 5.5: TS.Recent is no more to be trusted after so long an idle time. */
export const TS_RECENT_LIFETIME: Duration = seconds(24 * 24 * 3600);

// --- defence ------------------------------------------------------------------------------------------------

/** RFC 5961 7: challenge ACKs, counted for each connection, so that nobody can probe one through another. */
export const CHALLENGE_ACKS = 10;
export const CHALLENGE_PERIOD: Duration = seconds(5);
/** Half-open connections of one listener; and those that are open and not told to their application yet. */
export const DEFAULT_BACKLOG = 128;
export const MAX_BACKLOG = 4096;
/** SYN cookies (RFC 4987 3.6) are good for one to two periods: longer than any round trip, and than a SYN is sent again. */
export const COOKIE_PERIOD: Duration = seconds(32);
/** They are looked at for so long after the last one was given. */
export const COOKIE_LIFETIME: Duration = seconds(64);
/** In a flood a SYN,ACK is sent again only so often: the peer that is there has answered, or its SYN comes again. */
export const MAX_SYN_ACK_RETRANSMITS_FLOODED = 1;
/** TCP Fast Open (RFC 7413). A cookie is good for one to two periods: a day's clients keep theirs. */
export const FAST_OPEN_COOKIE_PERIOD: Duration = seconds(12 * 3600);
/** PendingFastOpenRequests of one listener (5.1): what may be served before a handshake is done. */
export const MAX_PENDING_FAST_OPENS = 64;
/** One that was reset counts for as long as its SYN might have been half open. */
export const FAST_OPEN_RESET_HOLD: Duration = seconds(60);
/** Servers that a client remembers, each for every address of its own that it has come from. */
export const MAX_FAST_OPEN_SERVERS = 1024;
/** 4.1.3.1: how long a client leaves it where it did not work. */
export const FAST_OPEN_PAUSE: Duration = seconds(3600);
/** Connections in all states; a SYN beyond that goes unanswered. */
export const MAX_CONNECTIONS = 262_144;
/** Connections in TIME-WAIT: some 4.5 KiB each. */
export const MAX_TIME_WAITS = 16_384;
/** RFC 6056 3.2, narrowed to what Linux uses, so that ports of servers stay clear. */
export const FIRST_EPHEMERAL_PORT = 32_768;
export const LAST_EPHEMERAL_PORT = 60_999;
