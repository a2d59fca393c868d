// What the roles find in a lab beside its network: a group file for its sites, the `homeport` command on the PATH, and
// who they are in the environment. So that, inside, `homeport server --serve DIR` needs no more words.

import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SystemRandom } from '../../tun/random.ts';
import { createGroup, type Group } from '../roles/group.ts';
import { writeGroupFile } from '../roles/group-file.ts';
import { homeportCommand } from '../self.ts';
import {
  CONTACT_ADDRESS,
  HOME_PREFIX,
  HOME_SITE,
  SERVER_SITES,
  type Site,
  siteNamed,
  type Topology,
} from './topology.ts';

/** Admin sockets of the roles; in a lab, whose /run is its own, group file and command too. */
export const RUN_DIRECTORY = '/run/homeport';
export const GROUP_FILE = join(RUN_DIRECTORY, 'group.json');
const COMMAND_DIRECTORY = join(RUN_DIRECTORY, 'bin');

/** Environment of everything in a lab. The last three are defaults of the roles' options, by these names. */
export const VARIABLE = {
  inside: 'HOMEPORT_LAB',
  group: 'HOMEPORT_GROUP',
  name: 'HOMEPORT_NAME',
  address: 'HOMEPORT_ADDRESS',
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

export const labEnvironment = (env: Environment = process.env): Environment => ({ ...env, [VARIABLE.inside]: '1' });

export const siteEnvironment = (site: Site, env: Environment = process.env): Environment => ({
  ...labEnvironment(env),
  [VARIABLE.group]: GROUP_FILE,
  [VARIABLE.name]: site.name,
  [VARIABLE.address]: site.node.toString(),
  PATH: [COMMAND_DIRECTORY, env.PATH].join(delimiter),
});

/** Once, inside, when /run is the lab's own. Gives the group that the file tells of. */
export function furnishLab(topology: Topology): Group {
  mkdirSync(COMMAND_DIRECTORY, { recursive: true, mode: 0o700 });
  const words = homeportCommand().flat().map(quoted);
  writeFileSync(join(COMMAND_DIRECTORY, 'homeport'), `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`, { mode: 0o755 });
  const group = createGroup(
    {
      homeAddress: CONTACT_ADDRESS,
      homePrefix: HOME_PREFIX,
      homeAgent: siteNamed(topology, HOME_SITE).node,
      members: SERVER_SITES.map((name) => ({ name, careOf: siteNamed(topology, name).node })),
    },
    new SystemRandom(),
  );
  writeGroupFile(GROUP_FILE, group);
  return group;
}

/** For sh(1). */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
