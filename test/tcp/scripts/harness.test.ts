// The scripts are only worth what the harness finds: each kind of disagreement, and each error in the notation, is told.

import { describe, expect, test } from 'vitest';
import { runScript, script } from './script.ts';

const HANDSHAKE = 'established <mss 1000>\n';

function failure(text: string): string {
  try {
    runScript(text);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the script has passed');
}

describe('what our TCP does and the script does not say', () => {
  test.each([
    ['a segment that nobody expects', 'write 10\n+1s nothing', 'line 3: +1s nothing\n  not expected: -> PSH,ACK 0:10'],
    ['one at the end', 'write 10', 'line 2: the end\n  not expected: -> PSH,ACK 0:10'],
    ['none where one is expected', '-> ACK', 'line 2: -> ACK\n  nothing was sent until 0ms'],
    ['other flags', 'write 10\n-> ACK 0:10', 'flags: expected ACK, came PSH,ACK'],
    ['other text', 'write 10\n-> PSH,ACK 0:9', 'octets of text: expected 9, came 10'],
    ['another place', 'write 10\n-> PSH,ACK 5:15', 'seq: expected 5, came 0'],
    ['another ACK', 'write 10\n-> PSH,ACK 0:10 ack 7', 'ack: expected 7, came 0'],
    ['another window', 'write 10\n-> PSH,ACK 0:10 win 7', 'win: expected 7, came 65535'],
    ['another ECN field', 'write 10\n-> PSH,ACK 0:10 ce', 'ECN field: expected 3, came 0'],
    ['an option that is missing', 'write 10\n-> PSH,ACK 0:10 <sack 0:1>', 'options: expected <sack 0:1>, came <>'],
    ['an earlier time', 'shutdown\n+5ms -> FIN,ACK', 'time: expected 5ms, came at 0ms'],
    ['a later time', 'write 10\n-> PSH,ACK 0:10\n+199ms -> PSH,ACK 0:10', 'nothing was sent until 199ms'],
    ['another state', 'state CLOSED', 'state: expected CLOSED, is ESTABLISHED'],
    ['other events', 'told connected', 'told: expected connected, is nothing'],
    ['another figure', 'expect cwnd 1', 'cwnd: expected 1, is 10000'],
    ['fewer octets', '<- ACK 0:5\nread 6', 'octets read: expected 6, is 5'],
    ['wrong octets', '<- ACK 0:5 garbled\nread 5', 'octet 0 of the stream is not the one that was sent'],
    ['a write that is taken', 'write 10 takes 9', 'octets taken: expected 9, is 10'],
    ['an open that works', 'connect fails no-route', 'connect: expected no-route, is address-in-use'],
  ])('%s', (_what, text, reason) => {
    expect(failure(HANDSHAKE + text)).toContain(reason);
  });

  test('a tolerance takes a segment that is near, and no other', () => {
    const text = `${HANDSHAKE}write 10\n-> PSH,ACK 0:10\n`;
    expect(() => runScript(`${text}+195ms~5ms -> PSH,ACK 0:10`)).not.toThrow();
    expect(failure(`${text}+195ms~4ms -> PSH,ACK 0:10`)).toContain('nothing was sent until 199ms');
  });

  test('a SYN of another connection has to be announced', () => {
    const again = 'connect\n-> SYN win * <*>\nabort\n+8ms connect\n';
    expect(failure(`${again}-> SYN win * <*>`)).toContain('iss: expected 0 after the one before, came 2000');
    expect(() => runScript(`${again}-> SYN iss 2000 win * <*>`)).not.toThrow();
  });

  test('the failure shows the script with an arrow, and the segments', () => {
    const lines = failure('connect\n-> SYN <*>\n<- SYN,ACK ack 0 <mss 500>\n-> ACK ack 1').split('\n');
    expect(lines).toContain('==>   4 | -> ACK ack 1');
    expect(lines).toContain('      3 | <- SYN,ACK ack 0 <mss 500>');
    expect(lines).toContain('  0ms <- SYN,ACK seq -1 ack 0 win 65535 <mss 500>');
    expect(lines).toContain('  0ms => ACK seq 0 ack 0 win 65535');
  });
});

describe('what makes no sense is told with its line', () => {
  test.each([
    ['', 'jump', 'line 2: no such command: jump'],
    ['', '+5 nothing', 'line 2: no time: +5'],
    ['', '<- SIN', 'no such flag: SIN'],
    ['', '<- ACK 5:5', 'an empty range: 5:5'],
    ['', '<- ACK size 5', 'no such word in a segment: size'],
    ['', '<- ACK ack', 'a number was expected, not undefined'],
    ['', '<- SYN ack 5', 'ack, but no ACK bit'],
    ['', '<- ACK urg 5', 'urg, but no URG bit'],
    ['', '<- ACK <mss 5', 'the options end with >'],
    ['', '<- ACK <mos 5>', 'no such option: mos'],
    ['', '<- ACK <mss 5 6>', 'too much in option mss 5 6'],
    ['', '<- ACK <sack 5>', 'no SACK block: 5'],
    ['', '<- ACK <raw 1>', 'two hexadecimal digits'],
    ['', '<- ACK <raw 01>', 'whole words'],
    ['', '<- ACK <*>', 'what the peer sends has to be said'],
    ['', '<- SYN <ws *>', 'what the peer sends has to be said'],
    ['', '-> ACK badsum', 'only the peer sends such a segment'],
    ['', 'state OPEN', 'no such state: OPEN'],
    ['', 'expect rtt 5ms', 'no such figure: rtt'],
    ['', 'shutdown now', 'too much: now'],
    ['', 'set delayedAck 5', 'a time was expected, not 5'],
    ['', 'connect congestion vegas', 'no such congestion control: vegas'],
    ['', 'icmp redirect seq 0', 'no such ICMPv6 error: redirect'],
    ['', '+5ms~1ms write 5', 'only -> has a tolerance'],
    ['', 'established now', 'established|accepted'],
    ['', 'given mtu 1280', 'what is given comes first'],
  ])('%s%s', (_none, line, reason) => {
    const told = failure(`nothing\n${line}`);
    expect(told).toContain(reason);
    expect(told).toContain(`==>   2 | ${line}`);
  });

  test('a script without an RFC in its name', () => {
    expect(() => script('opens', 'connect')).toThrow('named by its RFC');
  });
});
