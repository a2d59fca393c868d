// Nonces that are not recognized any more (RFC 6275 5.2.7, 9.5.1): statuses 136 to 138, never signed.

import { describe, test } from 'vitest';
import { seconds } from '../../stack/core/time.ts';
import { bound, type CorrespondentWorld, HOME, tested } from '../mobility/correspondent-world.ts';
import type { UpdateParts } from '../mobility/scripted-node.ts';
import { expectAcknowledgement, expectAtHome, expectBound, expectNotBound, expectRouted } from './expectations.ts';

const NONCE_LIFE = seconds(240);

/** The token of this test has outlived its nonce, the other one is fresh. */
function stale(which: 'home' | 'care-of' | 'both', w: CorrespondentWorld = tested()): CorrespondentWorld {
  w.node.tests();
  w.host.pass(NONCE_LIFE);
  if (which === 'home') w.node.careOfTest();
  if (which === 'care-of') w.node.homeTest();
  return w;
}

function isRefused(which: 'home' | 'care-of' | 'both', status: number, parts: Partial<UpdateParts> = {}): void {
  const { node } = stale(which);
  expectAcknowledgement(node, node.update({ sequence: 7, ...parts }), { status, sequence: 7, unsigned: true });
  expectNotBound(node);
  expectAtHome(node);
}

describe('registration', () => {
  test('CN-4-2-1: an old home nonce is 136', () => isRefused('home', 136));
  test('CN-4-3-1: an old care-of nonce is 137', () => isRefused('care-of', 137));
  test('CN-4-8-1: both old are 138', () => isRefused('both', 138));
  test('CN-2-5-3: 136 without the A bit too', () => isRefused('home', 136, { acknowledge: false }));
  test('CN-2-5-4: 137 without the A bit too', () => isRefused('care-of', 137, { acknowledge: false }));
  test('CN-2-5-5: 138 without the A bit too', () => isRefused('both', 138, { acknowledge: false }));
});

describe('deletion', () => {
  test('CN-4-2-2: an old home nonce from the care-of address is 136, and the binding stays', () => {
    const { node } = stale('home', bound({ sequence: 1 }));
    const sent = node.update({ sequence: 2, lifetime: 0 });
    expectAcknowledgement(node, sent, { status: 136, sequence: 2, unsigned: true });
    expectBound(node);
  });

  test('CN-4-2-3: an old home nonce from the home address is 136 there, and the binding stays', () => {
    const { node } = stale('home', bound({ sequence: 1 }));
    const { homeToken: home } = node;
    if (home === undefined) throw new Error('no home token');
    const sent = node.update({ sequence: 2, lifetime: 0, source: HOME, tokens: { home } });
    expectAcknowledgement(node, sent, { status: 136, sequence: 2, to: HOME, unsigned: true });
    expectRouted(node);
  });

  test('CN-4-3-2: an old care-of nonce does not matter from the care-of address', () => {
    const { node } = stale('care-of', bound({ sequence: 1 }));
    expectAcknowledgement(node, node.update({ sequence: 2, lifetime: 0 }), { sequence: 2, lifetime: 0 });
    expectNotBound(node);
  });

  test('CN-4-3-3: an old care-of nonce does not matter from the home address', () => {
    const { node } = stale('care-of', bound({ sequence: 1 }));
    const sent = node.update({ sequence: 2, lifetime: 0, source: HOME });
    expectAcknowledgement(node, sent, { sequence: 2, lifetime: 0, to: HOME });
    expectAtHome(node);
  });
});
