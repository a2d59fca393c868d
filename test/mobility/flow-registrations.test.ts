// FlowRegistrations: what a member asks of its home agent for its plain clients (RFC 6089), alone and with a real home agent.

import { describe, expect, test } from 'vitest';
import { milliseconds, seconds } from '../../stack/core/time.ts';
import { FlowRegistrations, MAX_FLOWS_PER_UPDATE } from '../../stack/mobility/flow-registrations.ts';
import { FLOW_STATUS } from '../../stack/mobility/flow-request.ts';
import { Address } from '../../stack/wire/address.ts';
import type { BindingAcknowledgement } from '../../stack/wire/mobility.ts';
import { CLIENT, Group, HOME, HOME_AGENT, MEMBER_A, MEMBER_B } from './group.ts';

const BID = 2;
const clientOf = (i: number): Address => new Address(0x2001_0db8, 0x000c_0000, 0, i);

/** Says `status` of the whole update, and of single flows what `flows` has. */
const ack = (
  sequence: number,
  status = 0,
  flows: readonly (readonly [number, number])[] = [],
): BindingAcknowledgement => ({
  ...{ kind: 'binding-acknowledgement', status, keyManagement: false, sequence, lifetime: 10 },
  options: flows.map(([fid, of]) => ({ kind: 'flow-identification', fid, priority: 1, status: of, subOptions: [] })),
});

const wanting = (count: number): FlowRegistrations => {
  const flows = new FlowRegistrations(MEMBER_B, BID);
  for (let i = 1; i <= count; i++) flows.want(clientOf(i), 'last');
  return flows;
};

/** FIDs are given out from 1 on: so the FID of clientOf(i) is i here. */
const fids = (options: readonly { readonly fid: number }[]): number[] => options.map(({ fid }) => fid);
const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('one update after another', () => {
  test('as many flows as fit, each until it is answered', () => {
    const flows = wanting(30);
    expect(fids(flows.take(1))).toEqual(upTo(1, 20));
    expect(flows.answered(ack(1)).map(({ client }) => client)).toEqual(upTo(1, 20).map(clientOf));
    expect(fids(flows.take(2))).toEqual(upTo(21, 30));
    expect(flows.waiting).toBe(true);
    flows.answered(ack(2));
    expect(flows.waiting).toBe(false);
  });

  test('one that was sent before the last one was answered asks for others, and either answer counts', () => {
    const flows = wanting(30);
    flows.take(1);
    expect(fids(flows.take(2)).slice(0, 10)).toEqual(upTo(21, 30));
    expect(flows.answered(ack(1))).toHaveLength(20);
    expect(flows.answered(ack(2))).toHaveLength(10); // those told once are not told twice
    expect(flows.waiting).toBe(false);
  });

  test('one that was not answered in time is asked again first', () => {
    const flows = wanting(30);
    flows.take(1);
    flows.unanswered(1);
    expect(fids(flows.take(2))).toEqual(upTo(1, 20));
  });

  test('a client that is being handed over comes before those that just came', () => {
    const flows = wanting(30);
    flows.take(1);
    flows.want(clientOf(31));
    expect(fids(flows.take(2))[0]).toBe(31);
  });

  test('an acknowledgement of nothing we asked says nothing', () => {
    const flows = wanting(1);
    flows.take(1);
    expect(flows.answered(ack(2))).toEqual([]);
    expect(flows.waiting).toBe(true);
  });

  test('RFC 6089 4.2: the status of a flow counts before that of the update', () => {
    const flows = wanting(2);
    flows.take(1);
    expect(flows.answered(ack(1, 0, [[2, FLOW_STATUS.prohibited]]))).toEqual([
      { client: clientOf(1), status: 0 },
      { client: clientOf(2), status: 128 },
    ]);
  });

  test('an update that is refused as a whole is told, and its flows are asked for again', () => {
    const flows = wanting(1);
    flows.take(1);
    expect(flows.answered(ack(1, 130))).toEqual([{ client: clientOf(1), status: 130 }]);
    expect(fids(flows.take(2))).toEqual([1]);
  });

  test('10,000 clients are done after 500 updates', () => {
    const flows = wanting(10_000);
    let updates = 0;
    for (; flows.waiting && updates < 1000; updates++) {
      expect(flows.take(updates).length).toBeLessThanOrEqual(MAX_FLOWS_PER_UPDATE);
      flows.answered(ack(updates));
    }
    expect(updates).toBe(500);
  });

  test('beyond the bound a client is not taken, and has none', () => {
    const flows = new FlowRegistrations(MEMBER_B, BID, 1);
    expect([flows.want(clientOf(1)), flows.want(clientOf(2)), flows.want(clientOf(1))]).toEqual([true, false, true]);
    expect([flows.has(clientOf(1)), flows.has(clientOf(2))]).toEqual([true, false]);
  });
});

describe('a flow that the home agent has', () => {
  const bound = (count: number): FlowRegistrations => {
    const flows = wanting(count);
    flows.take(1);
    flows.answered(ack(1));
    return flows;
  };

  test('is asked about, without a selector, in an update that has nothing else to ask', () => {
    expect(bound(3).take(2)).toMatchObject([{ fid: 1, subOptions: [] }]);
  });

  test('RFC 6089 4.2, status 132: one that is not known any more means that none is', () => {
    const flows = bound(3);
    flows.take(2);
    expect(flows.answered(ack(2, 0, [[1, FLOW_STATUS.fidNotFound]]))).toEqual([]);
    expect(fids(flows.take(3))).toEqual([1, 2, 3]);
  });

  test('is made to select our own packets when its client has left, and is then forgotten', () => {
    const flows = bound(1);
    expect(flows.drop(clientOf(1))).toBe(true);
    expect(flows.has(clientOf(1))).toBe(false);
    const [option] = flows.take(2);
    expect(option?.subOptions).toContainEqual({ kind: 'traffic-selector', selector: { source: { first: MEMBER_B } } });
    expect(flows.answered(ack(2))).toEqual([]);
    expect([flows.waiting, flows.take(3)]).toEqual([false, []]);
  });

  test('is asked for again when its client comes back before that is answered', () => {
    const flows = bound(1);
    flows.drop(clientOf(1));
    flows.take(2);
    flows.want(clientOf(1));
    flows.answered(ack(2));
    expect(flows.waiting).toBe(true);
    const [option] = flows.take(3);
    expect(option?.subOptions).toContainEqual({
      kind: 'traffic-selector',
      selector: { source: { first: clientOf(1) } },
    });
    expect(flows.answered(ack(3))).toEqual([{ client: clientOf(1), status: 0 }]);
  });

  test('is not mentioned while its client is being given away, whatever the home agent has lost', () => {
    const flows = bound(1);
    flows.lend(clientOf(1));
    flows.askAgain();
    expect([flows.waiting, flows.take(2)]).toEqual([false, []]);
    expect(flows.drop(clientOf(1))).toBe(false);
  });

  test('is asked for at once when the client stays after all', () => {
    const flows = bound(1);
    flows.lend(clientOf(1));
    expect(flows.reclaim(clientOf(1))).toBe(true);
    expect(fids(flows.take(2))).toEqual([1]);
  });
});

describe('with a home agent', () => {
  const withFlow = (): Group => {
    const group = new Group({ seed: 3, plainClient: true });
    group.register();
    group.b.bindFlow(group.now, CLIENT);
    group.pass(seconds(1));
    expect(goesTo(group)).toEqual(MEMBER_B);
    return group;
  };
  const goesTo = (group: Group): Address | undefined => group.homeAgent.careOfAddress(HOME, CLIENT);
  /** By then every registration has been renewed at least once. */
  const RENEWAL = seconds(900);

  test('one that starts again without its state has the flow again after the next renewal', () => {
    const group = withFlow();
    group.restartHomeAgent();
    group.pass(RENEWAL);
    expect(goesTo(group)).toEqual(MEMBER_B);
  });

  test('one that starts again without its state says so to who sends through it: registration and flow are there again', () => {
    const group = withFlow();
    group.restartHomeAgent();
    for (const [member, careOf] of [
      [group.a, MEMBER_A],
      [group.b, MEMBER_B],
    ] as const) {
      group.take();
      member.optimize(group.now, clientOf(7)); // its Home Test Init goes through the tunnel
      group.pass(seconds(2));
      const errors = group.take().flatMap(({ packet }) => (packet.mobility?.kind === 'binding-error' ? [packet] : []));
      expect(errors).toHaveLength(1);
      expect(errors[0]).toMatchObject({ source: HOME_AGENT, destination: careOf, mobility: { status: 1, home: HOME } });
    }
    expect(goesTo(group)).toEqual(MEMBER_B);
    expect(group.homeAgent.careOfAddress(HOME, clientOf(8))).toEqual(MEMBER_A);
  });

  test('one that was away until the registration had ended has it again when it is back', () => {
    const group = withFlow();
    group.internet.join('home', 'b', { loss: 1 });
    group.pass(seconds(1000));
    expect(goesTo(group)).toEqual(MEMBER_A); // the flow has ended with b's registration
    group.internet.join('home', 'b', { loss: 0 });
    group.pass(seconds(60));
    expect(goesTo(group)).toEqual(MEMBER_B);
  });

  test('a client that has left goes where the others go', () => {
    const group = withFlow();
    group.b.unbindFlow(group.now, CLIENT);
    group.pass(seconds(1));
    expect(goesTo(group)).toEqual(MEMBER_A);
  });

  test('RFC 6275 12, RFC 8200 5: a thousand clients: no packet above 1280 octets, three updates a second', () => {
    const group = new Group({ seed: 4, plainClient: true });
    group.register();
    group.take();
    let largest = 0;
    group.internet.taps.push((_now, _event, from, _to, packet) => {
      if (from === 'b') largest = Math.max(largest, packet.length);
    });
    for (let i = 1; i <= 1000; i++) group.b.bindFlow(group.now, clientOf(i));
    group.pass(seconds(18));
    const updates = group
      .take()
      .filter(({ from, packet }) => from === 'b' && packet.mobility?.kind === 'binding-update');
    for (let i = 3; i < updates.length; i++) {
      expect((updates[i]?.at ?? 0) - (updates[i - 3]?.at ?? 0)).toBeGreaterThanOrEqual(seconds(1));
    }
    expect(largest).toBeGreaterThan(700);
    expect(largest).toBeLessThanOrEqual(1280);
    const reached = upTo(1, 1000).filter((i) => group.homeAgent.careOfAddress(HOME, clientOf(i))?.equals(MEMBER_B));
    expect(reached).toHaveLength(1000);
  });

  test('a round trip longer than the wait between updates: every client is answered all the same', () => {
    const group = new Group({ seed: 5, plainClient: true });
    group.internet.join('home', 'b', { delay: milliseconds(400) });
    group.register();
    group.pass(seconds(5));
    for (let i = 1; i <= 60; i++) {
      group.b.bindFlow(group.now, clientOf(i));
      group.pass(milliseconds(100));
    }
    group.pass(seconds(10));
    expect(group.events.filter((event) => event === 'b flowBound 0')).toHaveLength(60);
  });
});
