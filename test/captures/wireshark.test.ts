// Wireshark as the judge of the committed captures: nothing malformed, every checksum good, the client's connection
// one TCP stream from SYN to FIN over the handoff, the messages of DESIGN.md section 7 in their order, and the
// handoff time that the preset promises.

import { beforeAll, describe, expect, test } from 'vitest';
import { toMilliseconds } from '../../stack/core/time.ts';
import { handoffTime, PRESETS } from '../../stack/handoff/strategy.ts';
import { requireOrSkip } from '../netns/support.ts';
import { CONTACT } from '../sim/world.ts';
import { capturePath } from './files.ts';
import { responseOf } from './lines-app.ts';
import { FORMULA_LATENCIES, PACE, SCENES } from './scenes.ts';
import { fieldsOf, followed, matchesOf } from './tshark.ts';

const A = '2001:db8:a::1';
const B = '2001:db8:b::1';
/** The client's connection, in tunnels too; the control channel has another port. */
const CLIENT = 'tcp.port == 80';
const DATA_AT_CLIENT = `${CLIENT} && tcp.len > 0 && frame.interface_name == "c"`;

/** RFC 6275 6.1.2 to 6.1.8. */
const MESSAGES = ['BRR', 'HoTI', 'CoTI', 'HoT', 'CoT', 'BU', 'BA', 'BE'];

/** Every Mobility Header message on its last hop, between the outermost addresses there: 'CoTI b>c'. */
function messages(path: string): string[] {
  const passedOn = 'frame.interface_name == "home" && mip6.mhtype in {1, 3}';
  const rows = fieldsOf(path, `mip6.mhtype && !(${passedOn})`, ['mip6.mhtype', 'ipv6.src', 'ipv6.dst']);
  return rows.map(([type, source = '', destination = '']) => {
    const [from, to] = [source, destination].map((addresses) => nameOf(addresses.split(',')[0] ?? ''));
    return `${MESSAGES[Number(type)]} ${from}>${to}`;
  });
}

function nameOf(address: string): string {
  if (address === CONTACT.toString()) return 'contact';
  return address === '2001:db8:100::ff' ? 'home' : (/^2001:db8:(\w)::1$/.exec(address)?.[1] ?? address);
}

/** The comments' event names in order: 'a: state-sent to=b' is 'state-sent'. */
const eventsIn = (comments: string): string[] => [...comments.matchAll(/\w+: ([a-z-]+)/g)].map(([, name = '']) => name);

describe.skipIf(!requireOrSkip('tshark'))('Wireshark', () => {
  describe.each(SCENES)('captures/$name.pcapng', (scene) => {
    let path = '';
    beforeAll(() => {
      path = capturePath(scene);
    });

    test('nothing is malformed, every TCP checksum is good, nothing is lost or sent twice', () => {
      const bad = ['_ws.malformed', '_ws.expert.severity >= 0x600000', 'tcp.analysis.flags', 'tcp.flags.reset == 1'];
      const good = ['tcp', 'tcp.checksum.status == 1', 'mip6.mhtype'];
      const count = matchesOf(path, [...bad, ...good]);
      expect(bad.map((filter) => [filter, count.get(filter)?.count])).toEqual(bad.map((filter) => [filter, 0]));
      expect(count.get('tcp')?.count).toBeGreaterThan(40);
      expect(count.get('tcp.checksum.status == 1')?.count).toBe(count.get('tcp')?.count);
      expect(count.get('mip6.mhtype')?.count).toBeGreaterThan(8);
    });

    test('the connection is one TCP stream from SYN to FIN, whoever the data comes from', () => {
      const fields = ['tcp.stream', 'tcp.flags.syn', 'tcp.flags.fin', 'tcp.completeness'];
      const rows = fieldsOf(path, CLIENT, fields);
      const column = (n: number) => rows.map((row) => row[n]);
      expect(new Set(column(0)).size).toBe(1);
      expect(column(1).filter((flag) => flag === '1').length).toBe(2);
      expect(column(2).filter((flag) => flag === '1').length).toBe(2);
      // SYN, SYN-ACK, ACK, data, FIN: Wireshark's "Complete, WITH_DATA".
      expect(column(3).at(-1)).toBe('31');
    });

    test('following the stream gives the whole response', () => {
      const stream = fieldsOf(path, CLIENT, ['tcp.stream'])[0]?.[0] ?? '';
      expect(followed(path, stream, 'server')).toBe(new TextDecoder().decode(responseOf(scene.lines)));
      expect(fieldsOf(path, 'http.response', ['http.response.code'])).toEqual([['200']]);
    });

    test('RFC 6275 5.2.5: home registrations, tests of both addresses, binding', () => {
      const registrations = ['BU a>home', 'BU b>home', 'BA home>a', 'BA home>b'];
      const routability = ['HoTI contact>c', 'CoTI a>c', 'HoT home>a', 'CoT c>a', 'BU a>c', 'BA c>a'];
      // A home keygen token holds for every care-of address: the acceptor is given it and tests its own address only.
      const handoff = scene.preset === undefined ? [] : ['CoTI b>c', 'CoT c>b', 'BU b>c', 'BA c>b'];
      expect(messages(path)).toEqual([...registrations, ...routability, ...handoff]);
    });

    test('RFC 6275 9.3.2, 11.3.1: once it is bound, the way home is not taken', () => {
      const first = matchesOf(path, [
        `${CLIENT} && ipv6.routing.type == 2`,
        `${CLIENT} && ipv6.opt.mipv6.home_address`,
      ]);
      for (const { count } of first.values()) expect(count).toBeGreaterThan(5);
      const rows = fieldsOf(path, DATA_AT_CLIENT, ['ipv6.src']).map(([source = '']) => nameOf(source));
      const runs = rows.filter((name, i) => name !== rows[i - 1]);
      expect(runs).toEqual(scene.preset === undefined ? ['contact', 'a'] : ['contact', 'a', 'b']);
    });
  });

  describe.each(SCENES.filter(({ preset }) => preset !== undefined))('captures/$name.pcapng', (scene) => {
    const preset = scene.preset ?? 'fast';
    let path = '';
    beforeAll(() => {
      path = capturePath(scene);
    });

    test('DESIGN.md 7: control messages as comments, Mobility Headers between them', () => {
      const rows = fieldsOf(path, 'frame.comment || mip6.mhtype', ['mip6.mhtype', 'frame.comment']);
      const story = rows.flatMap(([type = '', comments = '']) => [
        ...(type === '' ? [] : [MESSAGES[Number(type)]]),
        ...eventsIn(comments),
      ]);
      expect(story.slice(story.indexOf('handoff-start'))).toEqual([
        ...['handoff-start', 'prepare-sent', 'prepare-received', 'CoTI', 'CoT', 'ready-sent', 'ready-received'],
        ...['state-sent', 'state-received', 'BU', 'binding', 'BA', 'binding-acknowledged'],
        ...['commit-sent', 'takeover-done', 'commit-received', 'handoff-done'],
      ]);
    });

    test('DESIGN.md 7: the handoff time is the formula, give or take the pace of the app', () => {
      const from = (node: string) =>
        fieldsOf(path, `${DATA_AT_CLIENT} && ipv6.src == ${node}`, ['frame.time_relative']).map(Number);
      const observed = ((from(B)[0] ?? Number.NaN) - (from(A).at(-1) ?? Number.NaN)) * 1_000;
      const formula = toMilliseconds(handoffTime(PRESETS[preset], FORMULA_LATENCIES, 'download'));
      expect(observed).toBeGreaterThanOrEqual(formula);
      expect(observed).toBeLessThan(formula + toMilliseconds(PACE));
    });

    test('DESIGN.md 7: the acceptor goes on with the very next octet', () => {
      const numbers = (node: string) =>
        fieldsOf(path, `${DATA_AT_CLIENT} && ipv6.src == ${node}`, ['tcp.seq', 'tcp.nxtseq']);
      expect(numbers(B)[0]?.[0]).toBe(numbers(A).at(-1)?.[1]);
    });

    test('DESIGN.md 7: confirmed waits for the Binding Acknowledgement, optimistic does not', () => {
      const data = `${DATA_AT_CLIENT} && ipv6.src == ${B}`;
      const acknowledged = `mip6.mhtype == 6 && ipv6.dst == ${B}`;
      const matches = matchesOf(path, [data, acknowledged]);
      const dataWaits = (matches.get(data)?.first ?? 0) > (matches.get(acknowledged)?.last ?? 0);
      expect(dataWaits).toBe(PRESETS[preset].binding === 'confirmed');
    });

    test('DESIGN.md 7: what reaches a frozen donor is tunnelled to the acceptor', () => {
      const late = `${CLIENT} && ipv6.src == ${A} && ipv6.dst == ${B}`;
      const forwards = (matchesOf(path, [late]).get(late)?.count ?? 0) > 0;
      expect(forwards).toBe(PRESETS[preset].buffers === 'carry');
    });
  });
});
