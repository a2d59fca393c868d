// Request heads of the file server: taken or refused, never past their octets; a path never leads out of its folder.

import { MAX_HEAD, parseRequestHead, pathOfTarget } from '../../../stack/server/http-request.ts';
import { law } from '../law.ts';

export function fuzz(data: Uint8Array): void {
  const bytes = Uint8Array.from(data);
  const result = parseRequestHead(bytes);
  const target = result.kind === 'request' ? result.request.target : Buffer.from(bytes).toString('latin1');
  const path = pathOfTarget(target);
  if (path !== undefined) {
    const segments = path.split('/');
    const bad = segments.some((segment) => segment === '' || segment === '.' || segment === '..');
    law(!bad && !path.includes('\0') && !path.includes('\\'), () => `the path ${JSON.stringify(path)}`);
  }
  if (result.kind !== 'request') return;
  law(result.end > 0 && result.end <= bytes.length, 'a request longer than its octets');
  law(result.end <= 2 * MAX_HEAD, 'a head beyond its bound');
  // What follows is another request: it decides nothing (request smuggling).
  const alone = parseRequestHead(bytes.slice(0, result.end));
  law(alone.kind === 'request' && alone.end === result.end, 'octets behind the head decide what it says');
  // However the octets are cut on their way, nothing is decided before the head is whole.
  for (let cut = result.end - 1; cut > 0; cut >>= 1) {
    const kind = parseRequestHead(bytes.subarray(0, cut)).kind;
    law(kind === 'incomplete', () => `${cut} of ${result.end} octets are ${kind}`);
  }
}
