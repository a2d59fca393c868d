// The end of a binding by a Binding Update of lifetime 0 (RFC 6275 9.5.3, 9.5.4), and the move of one.

import { describe, test } from 'vitest';
import { bound, ELSEWHERE, HOME } from '../mobility/correspondent-world.ts';
import type { UpdateParts } from '../mobility/scripted-node.ts';
import { expectAcknowledgement, expectAtHome, expectBound, expectNotBound, expectRouted } from './expectations.ts';

/** From the home address, with a fresh home token and care-of nonce index 0. */
function isDeletedFromHome(parts: Pick<UpdateParts, 'option' | 'alternate'>): void {
  const { node } = bound({ sequence: 1 });
  const sent = node.update({
    sequence: 2,
    lifetime: 0,
    source: HOME,
    tokens: { home: node.homeTest() },
    ...parts,
  });
  expectAcknowledgement(node, sent, { sequence: 2, lifetime: 0, to: HOME });
  expectAtHome(node);
  expectNotBound(node);
}

describe('deletion', () => {
  test('CN-3-3-1-3: from the care-of address, the alternate care-of address being the home address', () => {
    const { node } = bound({ sequence: 1 });
    node.homeTest();
    const sent = node.update({ sequence: 2, lifetime: 0, alternate: HOME });
    expectAcknowledgement(node, sent, { sequence: 2, lifetime: 0 });
    expectNotBound(node);
  });

  test('CN-3-3-2-1: from the home address, without Home Address option', () => isDeletedFromHome({}));

  test('CN-3-3-2-3: from the home address, which the Home Address option repeats', () =>
    isDeletedFromHome({ option: HOME }));

  test('CN-3-3-2-5: from the home address, which is the alternate care-of address too', () =>
    isDeletedFromHome({ alternate: HOME }));

  test('CN-3-3-2-7: from the home address, repeated in both options', () =>
    isDeletedFromHome({ option: HOME, alternate: HOME }));
});

test('CN-3-4-1: a newer update from another care-of address moves the binding', () => {
  const { node, correspondent } = bound({ sequence: 1 });
  node.careOf = ELSEWHERE;
  node.tests();
  expectAcknowledgement(node, node.update({ sequence: 2 }), { sequence: 2 });
  expectRouted(node);
  expectBound(node);
  if (correspondent.bindingCount !== 1) throw new Error('more than one entry for one home address');
});
