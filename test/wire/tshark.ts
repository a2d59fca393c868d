// Wireshark's dissectors as an independent judge of what the emitters write. Where tshark is not installed the
// tests that need it are skipped, but fail with CI=true.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes } from '../../stack/core/bytes.ts';
import { pcapngInterface, pcapngPacket, pcapngSectionHeader } from '../../stack/wire/pcapng.ts';

export const TSHARK_MISSING = spawnSync('tshark', ['--version']).status !== 0;

/** For describe.skipIf. */
export const SKIP_TSHARK = TSHARK_MISSING && process.env.CI !== 'true';
if (SKIP_TSHARK) console.warn('skipped: tshark is not installed (apt-get install tshark)');

/** The packets as a capture file of one interface, a microsecond apart. */
export function captureOf(packets: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    pcapngSectionHeader('homeport test'),
    pcapngInterface({ name: 'test' }),
    ...packets.map((bytes, i) => pcapngPacket({ interface: 0, timestampNs: BigInt(i) * 1_000n, bytes })),
  );
}

/** One row a packet, one column a field; several occurrences are joined by commas. Checksums are validated. */
export function tsharkFields(file: Uint8Array, fields: readonly string[]): string[][] {
  const directory = mkdtempSync(join(tmpdir(), 'homeport-tshark-'));
  try {
    const path = join(directory, 'test.pcapng');
    writeFileSync(path, file);
    const checks = ['-o', 'tcp.check_checksum:TRUE', '-o', 'tcp.analyze_sequence_numbers:FALSE'];
    const columns = fields.flatMap((field) => ['-e', field]);
    const text = execFileSync('tshark', ['-n', '-r', path, ...checks, '-T', 'fields', ...columns], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    return text
      .replace(/\n$/, '')
      .split('\n')
      .map((line) => line.split('\t'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
