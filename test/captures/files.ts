// Where the committed captures and their pages are. HOMEPORT_UPDATE_CAPTURES=1 has each written anew before it is
// looked at; otherwise nothing is written.

import { renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { record, type Scene } from './scenes.ts';

export const UPDATE = process.env.HOMEPORT_UPDATE_CAPTURES === '1';

const pathOf = (name: string): string => fileURLToPath(new URL(`../../captures/${name}`, import.meta.url));

export const pagePath = (name: string): string => pathOf(`${name}.md`);

export function capturePath(scene: Scene): string {
  const path = pathOf(`${scene.name}.pcapng`);
  if (UPDATE) replace(path, record(scene).file);
  return path;
}

/** At one go: test files run side by side. */
function replace(path: string, content: Uint8Array): void {
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, content);
  renameSync(fresh, path);
}
