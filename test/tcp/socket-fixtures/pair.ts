// A key and its certificate for 'homeport.test', made for tests alone.

import { readFileSync } from 'node:fs';

const fixture = (name: string): Buffer => readFileSync(new URL(name, import.meta.url));

export const PAIR = { key: fixture('key.pem'), cert: fixture('cert.pem') };
