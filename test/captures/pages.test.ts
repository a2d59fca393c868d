// The pages beside the captures: every frame number, time and count in them is what Wireshark shows, and every
// display filter they name is one it knows. HOMEPORT_UPDATE_CAPTURES=1 puts today's figures in.

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { requireOrSkip } from '../netns/support.ts';
import { capturePath, pagePath, UPDATE } from './files.ts';
import { type CaptureFacts, filtersOf, refreshed } from './page.ts';
import { SCENES } from './scenes.ts';
import { fieldsOf, matchesOf } from './tshark.ts';

/** Filters whose point is that they show nothing. */
const MEANT_TO_BE_EMPTY = ['tcp.analysis.flags', '_ws.malformed', 'tcp.flags.reset == 1'];
/** A row of the index: filter, what it shows. */
const FILTERS_OF_INDEX = /^\| `([^`]+)` \| [^|]+ \|$/;

function factsOf(path: string, filters: readonly string[]): CaptureFacts {
  const matches = matchesOf(path, filters);
  const frames = fieldsOf(path, 'frame', ['frame.time_relative', 'frame.interface_name']);
  return {
    match: (filter) => matches.get(filter) ?? { first: 0, last: 0, count: 0 },
    frame: (number) => {
      const [time = '', at = ''] = frames[number - 1] ?? [];
      return { time, at };
    },
  };
}

describe.skipIf(!requireOrSkip('tshark'))('captures/', () => {
  test.each(SCENES)('page of $name: its figures are those of the capture', (scene) => {
    const path = pagePath(scene.name);
    const page = readFileSync(path, 'utf8');
    const filters = filtersOf(page);
    const facts = factsOf(capturePath(scene), filters);
    const today = refreshed(page, facts);
    if (UPDATE) writeFileSync(path, today);
    else expect(page, 'HOMEPORT_UPDATE_CAPTURES=1 brings it up to date').toBe(today);
    const empty = filters.filter((filter) => facts.match(filter).count === 0);
    expect(empty.filter((filter) => !MEANT_TO_BE_EMPTY.includes(filter))).toEqual([]);
    expect(filters.length).toBeGreaterThan(10);
  });

  test('README.md: each of its filters shows something in each capture of a handoff', () => {
    const filters = readFileSync(pagePath('README'), 'utf8')
      .split('\n')
      .flatMap((line) => FILTERS_OF_INDEX.exec(line)?.[1] ?? []);
    expect(filters.length).toBeGreaterThan(5);
    for (const scene of SCENES.filter(({ preset }) => preset !== undefined)) {
      const matches = matchesOf(capturePath(scene), filters);
      expect(filters.filter((filter) => matches.get(filter)?.count === 0)).toEqual([]);
    }
  });
});
