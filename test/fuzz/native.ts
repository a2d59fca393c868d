// The native part of @jazzer.js (libFuzzer) comes prebuilt, against glibc 2.38 and libstdc++ 13. It takes three
// functions from these that an older system, Debian 12 for one, does not have. There it runs all the same: from a
// copy in which those two versions are marked as weak, with a shim of three lines that stands in for the functions.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Versions that may be missing: all that is used of them is in native/shim.c. */
const TOO_NEW = new Set(['GLIBC_2.38', 'GLIBCXX_3.4.32']);
const SHT_GNU_VERNEED = 0x6fff_fffe;
const VER_FLG_WEAK = 2;

export interface NodeSetup {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** How to start Node so that the fuzzer loads. Throws with what to do where it cannot. */
export function fuzzerSetup(root: string, scratch: string): NodeSetup {
  const why = loadFailure(root, { args: [], env: {} });
  if (why === undefined) return { args: [], env: {} };
  if (process.platform !== 'linux' || !/GLIBC/.test(why)) throw new Error(`@jazzer.js does not load: ${why}`);
  const adapted = adapt(root, scratch);
  const still = loadFailure(root, adapted);
  if (still !== undefined) throw new Error(`@jazzer.js wants glibc 2.38 (Debian 13, Ubuntu 24.04): ${still}`);
  return adapted;
}

function loadFailure(root: string, { args, env }: NodeSetup): string | undefined {
  const options = { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } } as const;
  const done = spawnSync(process.execPath, [...args, '-e', "require('@jazzer.js/fuzzer')"], options);
  return done.status === 0 ? undefined : (/Error: .*/.exec(done.stderr)?.[0] ?? done.stderr);
}

function adapt(root: string, scratch: string): NodeSetup {
  const name = `fuzzer-${process.platform}-${process.arch}.node`;
  const [addon, shim] = [join(scratch, name), join(scratch, 'shim.so')];
  mkdirSync(scratch, { recursive: true });
  if (!existsSync(shim)) {
    const source = join(root, 'test', 'fuzz', 'native', 'shim.c');
    const built = spawnSync('cc', ['-O2', '-shared', '-fPIC', '-o', shim, source], { encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`native/shim.c does not compile: ${built.stderr}`);
  }
  const original = join(root, 'node_modules', '@jazzer.js', 'fuzzer', 'prebuilds', name);
  if (!existsSync(addon)) writeFileSync(addon, withWeakVersions(readFileSync(original)));
  return {
    args: ['--import', join(root, 'test', 'fuzz', 'native', 'redirect.mjs')],
    env: { LD_PRELOAD: shim, HOMEPORT_FUZZER_ADDON: addon },
  };
}

/** The ELF file with the versions in TOO_NEW marked as not necessary (the "verneed" section of the gABI, 64 bits). */
function withWeakVersions(elf: Buffer): Buffer {
  const offset = (at: number): number => Number(elf.readBigUInt64LE(at));
  const [table, entry, count] = [offset(0x28), elf.readUInt16LE(0x3a), elf.readUInt16LE(0x3c)];
  for (let section = table; section < table + count * entry; section += entry) {
    if (elf.readUInt32LE(section + 4) !== SHT_GNU_VERNEED) continue;
    const strings = offset(table + elf.readUInt32LE(section + 40) * entry + 24);
    let need = offset(section + 24);
    for (let left = elf.readUInt32LE(section + 44); left > 0; left--) {
      markWeak(elf, need, strings);
      need += elf.readUInt32LE(need + 12);
    }
  }
  return elf;
}

/** The versions that are needed of one library. */
function markWeak(elf: Buffer, need: number, strings: number): void {
  let version = need + elf.readUInt32LE(need + 8);
  for (let left = elf.readUInt16LE(need + 2); left > 0; left--) {
    const nameAt = strings + elf.readUInt32LE(version + 8);
    const name = elf.toString('latin1', nameAt, elf.indexOf(0, nameAt));
    if (TOO_NEW.has(name)) elf.writeUInt16LE(elf.readUInt16LE(version + 4) | VER_FLG_WEAK, version + 4);
    version += elf.readUInt32LE(version + 12);
  }
}
