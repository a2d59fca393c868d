// The content server on the kernel's TCP, as a process of its own: `node content-server.js ADDRESS PORT`. Prints
// `ready` once it listens, and ends when its stdin does, so that it never outlives whoever started it.

import { contentServer } from './content.ts';

const [address = '::', port = '0'] = process.argv.slice(2);

const server = contentServer();
server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
server.listen(Number(port), address, () => process.stdout.write('ready\n'));
process.stdin.resume().on('end', () => process.exit(0));
