// A correspondent alone in the world, with a mobile node played by the test.

import { Correspondent } from '../../stack/mobility/correspondent.ts';
import { address } from '../../stack/wire/address.ts';
import { ScriptedNode, type UpdateParts } from './scripted-node.ts';
import { TestHost } from './support.ts';

export const SELF = address('2001:db8:c::1');
export const HOME = address('2001:db8:100::1');
export const CARE_OF = address('2001:db8:a::1');
export const ELSEWHERE = address('2001:db8:b::1');

export interface CorrespondentWorld {
  readonly host: TestHost;
  readonly correspondent: Correspondent;
  readonly node: ScriptedNode;
}

export function world(options: { readonly maxBindings?: number } = {}): CorrespondentWorld {
  const host = new TestHost(SELF, { seed: 7 });
  const correspondent = new Correspondent(host.environment, host.dispatch, options);
  return { host, correspondent, node: new ScriptedNode(host, SELF, HOME, CARE_OF) };
}

/** Both tests done. */
export function tested(): CorrespondentWorld {
  const w = world();
  w.node.tests();
  return w;
}

export function bound(parts: UpdateParts = { sequence: 10_000 }): CorrespondentWorld {
  const w = tested();
  w.node.update(parts);
  return w;
}
