// The command line: help, and one clear line with exit status 1 for whatever cannot be.

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { toHex } from '../../stack/core/bytes.ts';
import { address } from '../../stack/wire/address.ts';
import { identityOf } from '../../tools/commands/server-identity.ts';
import { explain, UserError } from '../../tools/errors.ts';
import { serveAdmin } from '../../tools/roles/admin.ts';
import { readGroupFile } from '../../tools/roles/group-file.ts';
import { cli, cliWith } from './cli-support.ts';
import { NODE_A, NODE_B, SyntheticCapture } from './synthetic-capture.ts';

const directory = mkdtempSync(join(tmpdir(), 'homeport-cli-'));
afterAll(() => rmSync(directory, { recursive: true }));

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const secret = (name: string, content: string): string => {
  const path = file(name, content);
  chmodSync(path, 0o600);
  return path;
};

const KEY = file('key', '00112233445566778899aabbccddeeff\n');
const GROUP = {
  homeAddress: '2001:db8:100::1',
  homePrefix: '2001:db8:100::/64',
  homeAgent: '2001:db8:1::1',
  groupKey: 'ffeeddccbbaa99887766554433221100',
  members: [
    { name: 'a', careOf: '2001:db8:a::1', bid: 1, spi: 257, key: '00112233445566778899aabbccddeeff' },
    { name: 'b', careOf: '2001:db8:b::1', bid: 2, spi: 258, key: '00112233445566778899aabbccddeeff' },
  ],
};
const groupFile = (change: (group: typeof GROUP) => unknown): string =>
  secret('group.json', JSON.stringify(change(structuredClone(GROUP))));

/** One line on stderr, nothing on stdout, status 1. */
async function refusal(...argv: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await cli(...argv);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^homeport: [^\n]+\n$/);
  return stderr.slice('homeport: '.length, -1);
}

const server = (...more: readonly string[]): string[] => [
  ...['server', '--name', 'a', '--care-of', '2001:db8:a::1', '--home-address', '2001:db8:100::1'],
  ...['--home-agent', '2001:db8:1::1', '--bid', '1', '--spi', '257', '--serve', directory],
  ...['--key-file', KEY, '--group-key-file', KEY, '--device', 'hp-none'],
  ...more,
];
const homeAgent = (group: string, ...more: readonly string[]): string[] => [
  ...['home-agent', '--group', group, '--device', 'hp-none', ...more],
];
const create = (...more: readonly string[]): string[] => [
  ...['group', 'create', '--home-address', '2001:db8:100::1', '--home-agent', '2001:db8:1::1'],
  ...['--member', 'a=2001:db8:a::1', '--member', 'b=2001:db8:b::1', ...more],
];
const get = (...more: readonly string[]): string[] => [
  'client',
  'get',
  '--address',
  '2001:db8:c::1',
  '--device',
  'hp-none',
  ...more,
];
const URL = 'http://[2001:db8:100::1]/file';

test('every command has --help, --json and a description', async () => {
  for (const command of [
    ['demo'],
    ['lab', 'up'],
    ['lab', 'down'],
    ['group', 'create'],
    ['home-agent'],
    ['server'],
    ['client', 'get'],
    ['handoff'],
    ['status'],
    ['capture', 'timeline'],
  ]) {
    const { status, stdout, stderr } = await cli(...command, '--help');
    expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' });
    expect(stdout).toContain('--json');
    expect(stdout).toMatch(/\n\n[A-Z][^\n]+\./);
  }
});

describe('status', () => {
  const said = {
    ...{ name: 'a', careOf: '2001:db8:a::1', registered: true },
    clients: [
      { client: '2001:db8:c::1', state: 'bound', connections: 2 },
      { client: '2001:db8:c::fe', state: 'plain', connections: 1 },
    ],
  };
  const statusOf = async (answer: Record<string, unknown>, ...flags: string[]) => {
    const socket = join(directory, 'status.sock');
    const server = await serveAdmin(socket, async ({ request }) => (request === 'status' ? answer : {}));
    try {
      return await cli('status', '--admin', socket, ...flags);
    } finally {
      server.close();
    }
  };

  test('for people: a node in a line, its clients in a table', async () => {
    expect((await statusOf(said)).stdout).toBe(
      [
        'Node a (2001:db8:a::1), registered with the home agent: 2 clients.',
        '  client          state  connections',
        '  2001:db8:c::1   bound  2',
        '  2001:db8:c::fe  plain  1',
        '',
      ].join('\n'),
    );
    expect((await statusOf({ ...said, registered: false, clients: [] })).stdout).toBe(
      'Node a (2001:db8:a::1), NOT registered with the home agent: 0 clients.\n',
    );
  });

  test('for programs: all that the node says', async () => {
    expect(JSON.parse((await statusOf(said, '--json')).stdout)).toEqual({ event: 'status', ...said });
  });
});

test('--version prints the version of package.json', async () => {
  const { version } = JSON.parse(readFileSync(new globalThis.URL('../../package.json', import.meta.url), 'utf8'));
  expect(await cli('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
});

test.each([
  ['an unknown command', ['frobnicate'], "unknown command 'frobnicate'"],
  ['an unknown option', ['lab', 'up', '--frobnicate'], "unknown option '--frobnicate'"],
  ['a missing option', ['handoff', '--to', 'b'], "required option '--client <address>' not specified"],
  [
    'an address that is none',
    server('--care-of', '2001:db8::g'),
    "option '--care-of <address>' argument '2001:db8::g' is invalid. not an IPv6 address: '2001:db8::g'.",
  ],
  [
    'a multicast address',
    server('--care-of', 'ff02::1'),
    "option '--care-of <address>' argument 'ff02::1' is invalid. a routable unicast IPv6 address is needed.",
  ],
  [
    'an IPv4 address',
    get(URL, '--address', '192.0.2.1'),
    "option '--address <address>' argument '192.0.2.1' is invalid. not an IPv6 address: '192.0.2.1'.",
  ],
  [
    'a port that is none',
    server('--port', '65536'),
    "option '--port <port>' argument '65536' is invalid. a whole number from 1 to 65535 is needed.",
  ],
  [
    'a Binding Identifier of 0',
    server('--bid', '0'),
    "option '--bid <number>' argument '0' is invalid. a whole number from 1 to 65535 is needed.",
  ],
  [
    'a security that there is not',
    server('--security', 'ipsec'),
    "option '--security <kind>' argument 'ipsec' is invalid. Allowed choices are rfc4285, none.",
  ],
  [
    'a reserved SPI',
    server('--spi', '255'),
    "option '--spi <number>' argument '255' is invalid. a whole number from 256 to 4294967295 is needed.",
  ],
  [
    'an unknown preset',
    server('--preset', 'warp'),
    "option '--preset <preset>' argument 'warp' is invalid. Allowed choices are classic, prefetched, fast.",
  ],
  [
    'a member without BID',
    server('--member', 'b=2001:db8:b::1'),
    "option '--member <name=address,bid>' argument 'b=2001:db8:b::1' is invalid. a member such as 'b=2001:db8:b::1,2' (name, care-of address, BID) is needed.",
  ],
  [
    'a member that is this node',
    server('--member', 'b=2001:db8:b::1,1'),
    "member 'b' has the name, BID or address of this node",
  ],
  [
    'a directory that is not there',
    server('--serve', join(directory, 'none')),
    `${join(directory, 'none')}: no such file or directory`,
  ],
  ['a file for a directory', server('--serve', KEY), `${KEY}: not a directory`],
  [
    'a key file that is not there',
    server('--key-file', join(directory, 'none')),
    `${join(directory, 'none')}: no such file or directory`,
  ],
  [
    'a capture that cannot be written',
    server('--pcap', '/nowhere/x.pcapng'),
    '/nowhere/x.pcapng: cannot be written (no directory /nowhere, or no permission)',
  ],
  [
    'another scheme',
    get('https://[2001:db8:100::1]/'),
    "command-argument value 'https://[2001:db8:100::1]/' is invalid for argument 'url'. a URL such as 'http://[2001:db8:100::1]/file' is needed.",
  ],
  [
    'a host name',
    get('http://example.org/'),
    "command-argument value 'http://example.org/' is invalid for argument 'url'. its host has to be an IPv6 address in brackets.",
  ],
  [
    'a timeline without a capture',
    get(URL, '--timeline', join(directory, 'x.svg')),
    '--timeline is drawn from the capture: give --pcap FILE too',
  ],
  [
    'a site that is not there',
    ['lab', 'exec', 'mars', '--', 'true'],
    "no site 'mars' in the lab (sites: home, a, b, c)",
  ],
  [
    'an admin socket of nobody',
    ['handoff', '--client', '2001:db8:c::1', '--to', 'b', '--admin', '/nowhere.sock'],
    'no server node is running at /nowhere.sock',
  ],
  ['the status of nobody', ['status', '--admin', '/nowhere.sock'], 'no server node is running at /nowhere.sock'],
  [
    'no capture',
    ['capture', 'timeline', '/nowhere.pcapng', '-o', join(directory, 'x.svg')],
    '/nowhere.pcapng: no such file or directory',
  ],
  [
    'a capture that is none',
    ['capture', 'timeline', KEY, '-o', join(directory, 'x.svg')],
    `${KEY}: not a whole pcapng file: no section header at octet 0`,
  ],
])('%s: one clear line and exit status 1', async (_name, argv, line) => {
  expect(await refusal(...argv)).toBe(line);
});

describe('the group file', () => {
  test.each([
    ['not JSON', () => secret('bad.json', '{'), 'not JSON'],
    ['no members', () => groupFile((g) => ({ ...g, members: [] })), "'members' has to be a list of 1 to 1000 members"],
    [
      'a member twice',
      () => groupFile((g) => ({ ...g, members: [...g.members, g.members[0]] })),
      "two members have the same 'name'",
    ],
    [
      'a bad address',
      () => groupFile((g) => ({ ...g, members: [{ ...g.members[0], careOf: 'x' }] })),
      "'careOf' of member 1: not an IPv6 address: 'x'.",
    ],
    [
      'a short key',
      () => groupFile((g) => ({ ...g, members: [{ ...g.members[0], key: '0011' }] })),
      "'key' of member 1: at least 16 octets as hexadecimal digits are needed.",
    ],
    ['no home agent', () => groupFile(({ homeAgent: _, ...g }) => g), "'homeAgent' is missing"],
    [
      'a contact address outside the home prefix',
      () => groupFile((g) => ({ ...g, homeAddress: '2001:db8:101::1' })),
      'the contact address 2001:db8:101::1 is not in the home prefix 2001:db8:100::/64',
    ],
    [
      'a member inside the home prefix',
      () => groupFile((g) => ({ ...g, members: [{ ...g.members[0], careOf: '2001:db8:100::2' }] })),
      "member 'a' has 2001:db8:100::2, which is in the home prefix 2001:db8:100::/64",
    ],
    [
      'a member with the address of the home agent',
      () => groupFile((g) => ({ ...g, homeAgent: '2001:db8:b::1' })),
      "member 'b' has the address of the home agent",
    ],
  ])('%s', async (_name, path, reason) => {
    const group = path();
    expect(await refusal(...homeAgent(group))).toBe(`${group}: ${reason}`);
  });

  test('one that others can read is refused: it holds keys', async () => {
    const group = groupFile((g) => g);
    chmodSync(group, 0o640);
    expect(await refusal(...homeAgent(group))).toBe(`${group}: holds keys and is open to others: 'chmod 600 ${group}'`);
  });

  test('an option of the home agent overrides it, under the same rules', async () => {
    expect(
      await refusal(
        ...homeAgent(
          groupFile((g) => g),
          '--home-prefix',
          '2001:db8:101::/64',
        ),
      ),
    ).toBe('the contact address 2001:db8:100::1 is not in the home prefix 2001:db8:101::/64');
  });

  test('group create writes one for its owner alone, with a key of its own for each, and never over another', async () => {
    const path = join(directory, 'fresh.json');
    expect(await cli(...create('-o', path))).toEqual({
      status: 0,
      stdout: `${path}: a group of 2 (a, b) at 2001:db8:100::1. It holds their keys: keep it safe.\n`,
      stderr: '',
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const text = readFileSync(path, 'utf8');
    const { groupKey, members } = readGroupFile(path);
    expect(new Set([groupKey, ...members.map(({ key }) => key)].map((key) => toHex(key))).size).toBe(3);
    expect(await refusal(...create('-o', path))).toBe(`${path}: exists already`);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  test.each([
    [
      'no such directory',
      ['-o', '/nowhere/g.json'],
      '/nowhere/g.json: cannot be written (no directory /nowhere, or no permission)',
    ],
    ['a member twice', ['-o', 'g.json', '--member', 'a=2001:db8:e::1'], "two members have the same 'name'"],
    [
      'a member without a name',
      ['-o', 'g.json', '--member', '2001:db8:e::1'],
      "option '--member <name=address>' argument '2001:db8:e::1' is invalid. a member such as 'a=2001:db8:a::1' (name, address) is needed.",
    ],
  ])('group create, %s: nothing is written', async (_name, more, line) => {
    expect(await refusal(...create(...more))).toBe(line);
    expect(existsSync('g.json')).toBe(false);
  });
});

describe('who a server node is', () => {
  const group = readGroupFile(groupFile((g) => g));

  test('its place in the group file says it all', () => {
    expect(identityOf({ name: 'b' }, group)).toMatchObject({
      ...{ name: 'b', careOf: address('2001:db8:b::1'), controlPort: 4433, bid: 2 },
      association: { spi: 258 },
      ...{ homeAddress: group.homeAddress, homeAgent: group.homeAgent, groupKey: group.groupKey },
      members: [{ name: 'a', careOf: address('2001:db8:a::1'), bid: 1, controlPort: 4433 }],
    });
  });

  test('each option overrides the file', () => {
    const careOf = address('2001:db8:e::1');
    const member = { name: 'c', careOf: address('2001:db8:f::1'), bid: 3 };
    const changed = identityOf({ name: 'b', careOf, bid: 9, controlPort: 7000, keyFile: KEY, member: [member] }, group);
    expect(changed).toMatchObject({ careOf, bid: 9, controlPort: 7000, association: { spi: 258 } });
    expect(changed.members).toEqual([{ ...member, controlPort: 7000 }]);
    expect(changed.association && toHex(changed.association.key)).toBe(readFileSync(KEY, 'utf8').trim());
  });

  test('with --security none it has no key for the home agent', () => {
    expect(identityOf({ name: 'b', security: 'none' }, group).association).toBeUndefined();
  });

  test('with --bindings one it knows the contact node: itself, or another by its name', () => {
    const b = { name: 'b', bindings: 'one' } as const;
    expect(identityOf({ ...b, contact: true }, group).contact).toEqual(address('2001:db8:b::1'));
    expect(identityOf({ ...b, contact: 'a' }, group)).toMatchObject({
      bindings: 'one',
      contact: address('2001:db8:a::1'),
    });
  });

  test('the group file says how many bindings there are, for all who are given no option', () => {
    const one = readGroupFile(groupFile((g) => ({ ...g, bindings: 'one' })));
    expect(identityOf({ name: 'b', contact: 'a' }, one).bindings).toBe('one');
    expect(identityOf({ name: 'b', bindings: 'many' }, one).bindings).toBe('many');
    expect(identityOf({ name: 'b' }, group).bindings).toBe('many');
    expect(() => readGroupFile(groupFile((g) => ({ ...g, bindings: 'two' })))).toThrow(
      "'bindings': 'many' or 'one' is needed.",
    );
  });

  test.each([
    [
      'with one binding and no contact node',
      { name: 'b', bindings: 'one' as const },
      'with --bindings one each node has to know the contact node: --contact there, --contact NAME here',
    ],
    ['with a contact node that is a stranger', { name: 'b', contact: 'x' }, '--contact x: no such node (nodes: b, a)'],
    ['nobody', {}, '--name is missing: which member of the group is this node?'],
    ['a stranger', { name: 'x' }, "group.json: no member 'x' (members: a, b)"],
    [
      'at the contact address',
      { name: 'a', careOf: group.homeAddress },
      'the care-of address 2001:db8:100::1 is the contact address',
    ],
    [
      'at the address of another',
      { name: 'a', careOf: address('2001:db8:b::1') },
      "member 'b' has the name, BID or address of this node",
    ],
  ])('%s', (_name, flags, reason) => {
    expect(() => identityOf(flags, group, 'group.json')).toThrow(reason);
  });

  test('without a group file the options have to say it all', () => {
    expect(() => identityOf({ name: 'a' }, undefined)).toThrow(
      '--care-of is missing: give it, or --group FILE and --name NAME',
    );
  });
});

test('a key never shows up in a message', async () => {
  const path = file('secret', 'zz-very-secret-zz');
  const line = await refusal(...server('--key-file', path));
  expect(line).toBe(`${path}: the key shared with the home agent has to be hexadecimal digits`);
});

test('a TUN device that is not there: says how to get one', async () => {
  for (const argv of [server(), homeAgent(groupFile((g) => g)), get(URL)]) {
    expect(await refusal(...argv)).toMatch(/^no device 'hp-none' here: .*ip tuntap add|\/dev\/net\/tun/);
  }
});

test('a stack trace only with HOMEPORT_DEBUG=1', async () => {
  const argv = ['lab', 'exec', 'mars', '--', 'true'];
  expect((await cliWith({ HOMEPORT_DEBUG: '1' }, ...argv)).stderr).toMatch(/\n {4}at /);
  expect((await cli(...argv)).stderr).not.toMatch(/\n {4}at /);
});

test('system errors become words, messages made for people stay as they are', () => {
  const system = Object.assign(new Error("ENOENT: no such file or directory, open '/x'"), {
    code: 'ENOENT',
    path: '/x',
  });
  expect(explain(system)).toBe('/x: no such file or directory');
  expect(explain(Object.assign(new Error('connect ECONNREFUSED ::1'), { code: 'ECONNREFUSED' }))).toBe(
    'connection refused (connect ECONNREFUSED ::1)',
  );
  expect(explain(Object.assign(new Error('cannot open TUN: run as root'), { code: 'EPERM' }))).toBe(
    'cannot open TUN: run as root',
  );
  expect(explain(new UserError('two\n  lines'))).toBe('two; lines');
});

test('capture timeline writes the picture and tells the figures', async () => {
  const capture = new SyntheticCapture().handshake(0, 28).bindingUpdate(30, 1, NODE_A).data(40, 0, 1000, NODE_A);
  const path = file('x.pcapng', capture.bindingUpdate(50, 2, NODE_B).data(52, 1000, 1000, NODE_B).bytes());
  const svg = join(directory, 'out.svg');
  const { status, stdout } = await cli('capture', 'timeline', path, '-o', svg, '--json', '--name', 'a=2001:db8:a::1');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    event: 'timeline',
    octets: 2000,
    handoffs: [{ lastMs: 40, firstMs: 52 }],
  });
  expect(readFileSync(svg, 'utf8')).toContain('a (2001:db8:a::1)');
});
