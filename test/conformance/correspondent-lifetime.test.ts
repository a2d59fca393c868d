// Lifetimes of bindings (RFC 6275 9.5.2, 12), in units of 4 s. Time passes without traffic of ours in between.

import { test } from 'vitest';
import { seconds } from '../../stack/core/time.ts';
import { bound, tested } from '../mobility/correspondent-world.ts';
import { expectAcknowledgement, expectBound, expectNotBound } from './expectations.ts';

test('CN-5-2-2: 40 s asked for are 40 s', () => {
  const { host, node } = tested();
  expectAcknowledgement(node, node.update({ sequence: 1, lifetime: 10 }), { sequence: 1, lifetime: 10 });
  expectBound(node);
  host.pass(seconds(40));
  expectNotBound(node);
});

test('CN-5-2-3: 424 s asked for are 420 s', () => {
  const { host, node } = tested();
  expectAcknowledgement(node, node.update({ sequence: 1, lifetime: 106 }), { sequence: 1, lifetime: 105 });
  host.pass(seconds(410));
  expectBound(node);
  host.pass(seconds(12));
  expectNotBound(node);
});

test('CN-5-2-5: a newer, shorter lifetime counts', () => {
  const { host, node } = bound({ sequence: 1, lifetime: 100 });
  expectAcknowledgement(node, node.update({ sequence: 2, lifetime: 10 }), { sequence: 2, lifetime: 10 });
  expectBound(node);
  host.pass(seconds(42));
  expectNotBound(node);
});

test('CN-5-2-6: a newer, longer lifetime counts', () => {
  const { host, node } = bound({ sequence: 1, lifetime: 10 });
  expectAcknowledgement(node, node.update({ sequence: 2, lifetime: 20 }), { sequence: 2, lifetime: 20 });
  host.pass(seconds(60));
  expectBound(node);
  host.pass(seconds(20));
  expectNotBound(node);
});

test('CN-5-2-7: a newer lifetime is cut to 420 s as the first is', () => {
  const { host, node } = bound({ sequence: 1, lifetime: 10 });
  expectAcknowledgement(node, node.update({ sequence: 2, lifetime: 106 }), { sequence: 2, lifetime: 105 });
  host.pass(seconds(410));
  expectBound(node);
  host.pass(seconds(12));
  expectNotBound(node);
});

test('CN-5-2-8: an update that is refused leaves the lifetime alone', () => {
  const { host, node } = bound({ sequence: 1, lifetime: 10 });
  expectAcknowledgement(node, node.update({ sequence: 1, lifetime: 20 }), { status: 135, sequence: 1 });
  host.pass(seconds(30));
  expectBound(node);
  host.pass(seconds(12));
  expectNotBound(node);
});
