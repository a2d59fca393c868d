// The committed captures are what the simulator makes today, to the octet. After a change that is meant to show in
// them, HOMEPORT_UPDATE_CAPTURES=1 npx vitest run test/captures writes the captures and the figures in their pages.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readPcapng } from '../../stack/wire/pcapng.ts';
import { capturePath } from './files.ts';
import { responseOf } from './lines-app.ts';
import { record, SCENES } from './scenes.ts';

const MAX_OCTETS = 100_000;

describe.each(SCENES)('captures/$name.pcapng', (scene) => {
  const { file, received } = record(scene);
  const path = capturePath(scene);

  test('is what the simulator makes, octet for octet', () => {
    const committed = existsSync(path) ? readFileSync(path) : new Uint8Array();
    expect(firstDifference(committed, file), 'HOMEPORT_UPDATE_CAPTURES=1 writes it anew').toBeUndefined();
  });

  test('shows a response that the client has whole and in order', () => {
    expect(received).toBe(new TextDecoder().decode(responseOf(scene.lines)));
  });

  test('is small, and well-formed to its end', () => {
    expect([...readPcapng(file)].filter(({ kind }) => kind === 'malformed')).toEqual([]);
    expect(file.length).toBeLessThan(MAX_OCTETS);
  });
});

/** In words for a person; undefined where there is none. */
function firstDifference(committed: Uint8Array, made: Uint8Array): string | undefined {
  const at = made.findIndex((octet, i) => committed[i] !== octet);
  if (at < 0 && committed.length === made.length) return undefined;
  const differs = at < 0 ? made.length : at;
  const before = [...readPcapng(made.subarray(0, differs))].filter(({ kind }) => kind === 'packet').length;
  return `differs from octet ${differs} on, in frame ${before + 1} (${committed.length} octets, now ${made.length})`;
}
