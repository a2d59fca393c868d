// RFC 6275 9.4, 5.2.5: a correspondent keeps nothing of the tests it answers, whoever asks and however often.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { setU16, setU32, u8 } from '../../stack/core/bytes.ts';
import { checksumOf, sumWords } from '../../stack/core/checksum.ts';
import { seconds } from '../../stack/core/time.ts';
import { Correspondent } from '../../stack/mobility/correspondent.ts';
import { Address, address, readAddress } from '../../stack/wire/address.ts';
import { PROTOCOL, pseudoHeaderSum } from '../../stack/wire/ipv6.ts';
import { MH } from '../../stack/wire/mobility.ts';
import { mobilityPacket } from './packets.ts';
import { TestHost } from './support.ts';

const SELF = address('2001:db8:c::1');
const FIRST = address('2001:db8:e::1');
const QUESTIONS = 100_000;
/** What the collector leaves lying about; 100,000 of anything takes more. */
const NOISE = 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heap = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};

/** A host, asked by the n-th stranger: the questions are patched together, so that the time goes into the answers. */
function asked() {
  const host = new TestHost(SELF);
  new Correspondent(host.environment, host.dispatch);
  const templates = (['home-test-init', 'care-of-test-init'] as const).map((kind) =>
    mobilityPacket({ source: FIRST, destination: SELF }, { kind, cookie: new Uint8Array(8), options: [] }),
  );
  const ask = (n: number): { readonly type: number; readonly to: Address } | undefined => {
    const bytes = templates[n % 2] ?? new Uint8Array(0);
    const source = new Address(0x2001_0db8, 0x000e_0000 + (n & 0xffff), 0, n);
    source.write(bytes, 8);
    setU32(bytes, 48, n);
    setU16(bytes, 44, 0);
    const pseudo = pseudoHeaderSum(source, SELF, PROTOCOL.mobility, bytes.length - 40);
    setU16(bytes, 44, checksumOf(sumWords(bytes, 40, bytes.length, pseudo)));
    host.device.sent.length = 0;
    host.device.arrive(host.now, bytes);
    const [answer] = host.device.sent;
    return answer && { type: u8(answer, 42), to: readAddress(answer, 24) };
  };
  return { host, ask };
}

test('RFC 6275 9.4: 100,000 tests of as many strangers are answered; tables, timers and heap are as before', () => {
  const { host, ask } = asked();
  for (let n = 0; n < QUESTIONS / 10; n++) ask(n); // what is made once is made
  const [timers, before] = [host.timers.size, heap()];
  let wrong = 0;
  for (let n = 0; n < QUESTIONS; n++) {
    const answer = ask(n);
    if (answer?.type !== (n % 2 === 0 ? MH.homeTest : MH.careOfTest) || answer.to.w3 !== n) wrong += 1;
  }
  expect(wrong).toBe(0);
  expect(host.timers.size).toBe(timers);
  expect(heap() - before).toBeLessThan(NOISE);
});

test('RFC 6275 5.2.3: nor do the nonces of an hour of questions pile up', () => {
  const { host, ask } = asked();
  ask(0);
  host.pass(seconds(300));
  const before = heap();
  for (let n = 0; n < 3600; n++) {
    ask(n);
    host.pass(seconds(1));
  }
  expect(heap() - before).toBeLessThan(NOISE);
});
