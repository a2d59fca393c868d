// `node tools/setup.mjs <build|check|test|demo|bench|soak|fuzz> [args...]`: brings what a task needs, then does it.
// Plain Node, because on a fresh clone nothing else is there: the locked npm packages, the TUN addon (compiled
// against the headers beside the running node, nothing is downloaded for it), the compiled TypeScript, and system
// packages where this is root on Debian or Ubuntu. Every step is skipped when its result is there already.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const OLDEST_NODE = [20, 19];
const isRoot = process.getuid?.() === 0;

/** A problem that its one line explains in full. */
class SetupError extends Error {}

const at = (...parts) => join(ROOT, ...parts);
const say = (text) => process.stderr.write(`homeport: ${text}\n`);
const changed = (file) => (existsSync(file) ? statSync(file).mtimeMs : 0);
const onPath = (command) => (process.env.PATH ?? '').split(delimiter).some((dir) => existsSync(join(dir, command)));

/** Runs a command with our terminal and returns its exit status; a signal counts as failure. */
function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
  if (done.error !== undefined) throw new SetupError(`cannot run ${command}: ${done.error.message}`);
  return done.status ?? 1;
}

/** Runs a command in silence; only when it fails its output is shown. */
function runQuietly(command, args, failure, options = {}) {
  const done = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', ...options });
  if (done.error === undefined && done.status === 0) return;
  process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}`);
  throw new SetupError(`${failure}${done.error === undefined ? '' : `: ${done.error.message}`}`);
}

// ---- What the tasks need ------------------------------------------------------------------------------------

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [wantMajor, wantMinor] = OLDEST_NODE;
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return;
  throw new SetupError(`Node ${process.versions.node} is too old: install Node ${OLDEST_NODE.join('.')} or newer`);
}

/**
 * npm leaves a copy of the lock in node_modules; it is older than ours when there is something to install. No
 * package needs its install script: cbor-extract would start node-gyp for a speed-up that cbor-x does without.
 */
function installPackages() {
  if (changed(at('node_modules', '.package-lock.json')) >= changed(at('package-lock.json'))) return;
  say('installing the locked npm packages');
  const args = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
  runQuietly('npm', args, '`npm ci` failed (see above)');
}

/** Where node_api.h and uv.h may be: beside the running node, npm's nodedir, node-gyp's cache, the distribution's. */
function findHeaders() {
  const prefix = resolve(dirname(process.execPath), '..');
  const places = [
    join(prefix, 'include', 'node'),
    join(prefix, 'include', 'nodejs', 'src'),
    ...(process.env.npm_config_nodedir === undefined ? [] : [join(process.env.npm_config_nodedir, 'include', 'node')]),
    join(homedir(), '.cache', 'node-gyp', process.versions.node, 'include', 'node'),
    '/usr/include/node',
    '/usr/include/nodejs/src',
  ];
  const found = places.find((dir) => isHeadersOfThisNode(dir));
  if (found !== undefined) return found;
  throw new SetupError(
    `the C headers of Node ${process.versions.node} are missing: install Node from nodejs.org or NodeSource, which have them, ` +
      'or on Debian `apt-get install libnode-dev`',
  );
}

function isHeadersOfThisNode(dir) {
  if (!existsSync(join(dir, 'node_api.h')) || !existsSync(join(dir, 'node_version.h'))) return false;
  const major = /define NODE_MAJOR_VERSION (\d+)/.exec(readFileSync(join(dir, 'node_version.h'), 'utf8'))?.[1];
  return major === process.versions.node.split('.')[0];
}

/** The addon is built anew when its source or the binary interface of Node is another than it was built with. */
function buildAddon() {
  if (process.platform !== 'linux') throw new SetupError('homeport needs Linux: it works on TUN devices');
  const source = at('tun', 'addon.c');
  const output = at('tun', 'build', 'homeport-tun.node');
  const stampFile = at('tun', 'build', 'stamp');
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex');
  const { modules, uv } = process.versions;
  const stamp = `${digest} ${modules} ${uv} ${process.arch}\n`;
  if (existsSync(output) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  const compiler = [process.env.CC, 'cc', 'gcc', 'clang'].find((name) => name && (name.includes('/') || onPath(name)));
  if (compiler === undefined) {
    throw new SetupError('a C compiler is missing: `apt-get install gcc libc6-dev` (or set CC)');
  }
  say('compiling tun/addon.c');
  mkdirSync(dirname(output), { recursive: true });
  const fresh = `${output}.${process.pid}`;
  const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fPIC', '-shared', '-fvisibility=hidden', '-Wl,-z,now'];
  runQuietly(
    compiler,
    [...flags, '-I', findHeaders(), source, '-o', fresh],
    'tun/addon.c does not compile (see above)',
  );
  renameSync(fresh, output); // a process that has the old one loaded keeps it
  writeFileSync(stampFile, stamp);
}

function compile() {
  runQuietly(
    process.execPath,
    [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', at('tsconfig.json')],
    'TypeScript errors (see above)',
  );
  chmodSync(at('dist', 'tools', 'homeport.js'), 0o755); // for an alias or a link to it
}

const LWIP = '/usr/include/lwip/lwip/tcpip.h';
/** Commands from outside npm (or a file, by its path), and the Debian package each is in. */
const SYSTEM = {
  demo: { ip: 'iproute2' },
  test: { ip: 'iproute2', ping: 'iputils-ping', tshark: 'tshark', curl: 'curl', [LWIP]: 'liblwip-dev' },
};
const isThere = (command) =>
  command.startsWith('/') ? existsSync(command) : onPath(command) || existsSync(`/usr/sbin/${command}`);

/** @param optional missing commands are told, not fatal: what needs them says so itself. */
function installSystem(commands, optional) {
  const missing = Object.keys(commands).filter((command) => !isThere(command));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((command) => commands[command]))];
  const advice = `${missing.join(', ')} missing: \`apt-get install ${packages.join(' ')}\``;
  if (isRoot && onPath('apt-get')) {
    say(`installing ${packages.join(', ')} with apt-get`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    try {
      runQuietly('apt-get', ['update', '-q'], '`apt-get update` failed', { env });
      const install = ['install', '-y', '-q', '--no-install-recommends', ...packages];
      runQuietly('apt-get', install, `\`apt-get install ${packages.join(' ')}\` failed`, { env });
      return;
    } catch (error) {
      if (!optional || !(error instanceof SetupError)) throw error;
      say(error.message);
    }
  }
  if (!optional) throw new SetupError(advice);
  say(`${advice}; tests that need it will be skipped`);
}

// ---- The tasks ------------------------------------------------------------------------------------------------

function build() {
  installPackages();
  buildAddon();
  compile();
  return 0;
}

function check() {
  installPackages();
  const bin = (name) => at('node_modules', '.bin', name);
  const steps = [
    ['format and lint', bin('biome'), ['check', '--error-on-warnings', '.']],
    ['types', bin('tsc'), ['--noEmit', '-p', 'tsconfig.json']],
    ['types of the tests', bin('tsc'), ['--noEmit', '-p', 'test/tsconfig.json']],
    ['imports', bin('vitest'), ['run', '--reporter=dot', 'test/arch.test.ts']],
  ];
  const failed = steps.filter(([, command, args]) => run(command, args) !== 0).map(([name]) => name);
  if (failed.length > 0) throw new SetupError(`check failed: ${failed.join(', ')}`);
  say('check passed');
  return 0;
}

/**
 * The suite runs in namespaces of its own where the system allows it: nothing it makes can be left behind, and
 * without root this is what makes TUN devices and `ip netns` possible at all. Prefix of the command, or nothing.
 */
function isolation() {
  const unshare = ['unshare', isRoot ? '-nm' : '-Urnm', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const prepare = 'mount -t tmpfs tmpfs /run && ip link set lo up && exec "$@"';
  const prefix = [...unshare, 'sh', '-c', prepare, 'sh'];
  const probe = spawnSync(prefix[0], [...prefix.slice(1), 'true'], { stdio: 'ignore' });
  if (probe.status === 0) return prefix;
  if (!isRoot)
    say(
      'no unprivileged user namespaces here (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces, AppArmor): tests on real devices need root',
    );
  return [];
}

function test(args) {
  build();
  installSystem(SYSTEM.test, process.env.CI !== 'true');
  const scratch = mkdtempSync(join(tmpdir(), 'homeport-test-'));
  const report = join(scratch, 'report.json');
  const vitest = [process.execPath, at('node_modules', 'vitest', 'vitest.mjs'), 'run'];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const [command, ...rest] = [...isolation(), ...vitest, ...reporters, ...args];
  try {
    const status = run(command, rest);
    process.stdout.write(summary(report, status));
    return status;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The plain last lines of a test run. A file that did not even load has no failed test, but it has failed. */
function summary(report, status) {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  let cases = '';
  if (existsSync(report)) {
    const told = JSON.parse(readFileSync(report, 'utf8'));
    passed = told.numPassedTests;
    failed = told.numFailedTests;
    skipped = told.numPendingTests + told.numTodoTests;
    cases = conformance(told.testResults.flatMap((file) => file.assertionResults));
  }
  if (status !== 0) failed = Math.max(failed, 1);
  return `${cases}tests: ${passed} passed, ${failed} failed, ${skipped} skipped\n`;
}

/**
 * How many conformance cases (test/conformance) pass for each role of Mobile IPv6, where any ran. A case is an id at
 * the beginning of a test's name; it passes when all tests that bear the id do.
 */
function conformance(tests) {
  const roles = new Map([
    ['CN', new Map()],
    ['HA', new Map()],
    ['MN', new Map()],
  ]);
  let ran = false;
  for (const { title, status } of tests) {
    const [id, role] = /^(CN|HA|MN)[-_]\d[\d_-]*/.exec(title) ?? [];
    const cases = roles.get(role);
    if (cases === undefined) continue;
    cases.set(id, cases.get(id) !== false && status === 'passed');
    ran ||= status === 'passed' || status === 'failed';
  }
  if (!ran) return '';
  const counts = [...roles]
    .filter(([, cases]) => cases.size > 0)
    .map(([role, cases]) => `${role} ${[...cases.values()].filter(Boolean).length} of ${cases.size}`);
  return `conformance: ${counts.join(', ')}\n`;
}

/** Runs a compiled program of tools/ in this process's place. */
function program(file, args) {
  build();
  const script = at('dist', 'tools', file);
  if (!existsSync(script)) throw new SetupError(`there is no tools/${file.replace(/js$/, 'ts')} to run`);
  return run(process.execPath, ['--enable-source-maps', script, ...args]);
}

function demo(args) {
  installSystem(SYSTEM.demo, false);
  return program('homeport.js', ['demo', ...args]);
}

/** `bench [NAME] [args...]`: tools/bench/index.ts where there is one, else the one named or all of them in turn. */
function bench([name, ...args]) {
  build();
  const folder = at('dist', 'tools', 'bench');
  const found = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.js')) : [];
  if (found.length === 0) throw new SetupError('there is no benchmark in tools/bench/ to run');
  const runOne = (file, rest) => run(process.execPath, ['--enable-source-maps', join(folder, file), ...rest]);
  if (found.includes('index.js')) return runOne('index.js', name === undefined ? [] : [name, ...args]);
  if (found.includes(`${name}.js`)) return runOne(`${name}.js`, args);
  if (name !== undefined)
    throw new SetupError(`no benchmark '${name}': there are ${found.map((file) => file.slice(0, -3)).join(', ')}`);
  return found.sort().reduce((worst, file) => Math.max(worst, runOne(file, [])), 0);
}

/** The targets and what they test, compiled beside the normal build: only there the fuzzer instruments it. */
function fuzz(args) {
  installPackages();
  runQuietly(
    process.execPath,
    [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', at('test', 'fuzz', 'tsconfig.json')],
    'TypeScript errors (see above)',
  );
  return run(process.execPath, ['--enable-source-maps', at('.fuzz', 'build', 'test', 'fuzz', 'run.js'), ...args]);
}

const TASKS = {
  build,
  check,
  test,
  demo,
  bench,
  fuzz,
  soak: (args) => program('soak.js', args),
};

function main([task = 'build', ...args]) {
  if (!Object.hasOwn(TASKS, task))
    throw new SetupError(`usage: node tools/setup.mjs <${Object.keys(TASKS).join('|')}> [args...]`);
  checkNode();
  return TASKS[task](args);
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
