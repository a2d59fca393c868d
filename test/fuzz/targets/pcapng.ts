// The reader of capture files: every block makes progress, the file is read to its end or to the first fault.

import { readPcapng } from '../../../stack/wire/pcapng.ts';
import { law } from '../law.ts';

export function fuzz(data: Uint8Array): void {
  const bytes = Uint8Array.from(data);
  let blocks = 0;
  let malformed = false;
  for (const block of readPcapng(bytes)) {
    law(!malformed, 'a block after the fault that ended the file');
    malformed = block.kind === 'malformed';
    blocks += 1;
  }
  law(blocks <= bytes.length / 12 + 1, () => `${blocks} blocks in ${bytes.length} octets`);
}
