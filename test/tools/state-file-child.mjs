// A process of its own that writes a state file once: `node state-file-child.mjs PATH WAY`. WAY is the number of the call of the
// file system at which it is killed, or 'half' (in the middle of the write), or 'nobody' (who may not write there), or 'all'.

import { promises } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { pathToFileURL } from 'node:url';

const [path, way] = process.argv.slice(2);
const STATE = new Uint8Array(5000).fill(2);
let calls = 0;

/** Before each call: is it this one? */
function reach() {
  if (String(calls) === way) process.kill(process.pid, 'SIGKILL');
  calls += 1;
}

const { open, rm, rename } = promises;
promises.rm = (...words) => {
  reach();
  return rm(...words);
};
promises.rename = (...words) => {
  reach();
  return rename(...words);
};
promises.open = async (...words) => {
  reach();
  const file = await open(...words);
  const { writeFile, sync, close } = file;
  file.writeFile = async (bytes) => {
    reach();
    if (way !== 'half') return writeFile.call(file, bytes);
    await file.write(bytes.subarray(0, bytes.length / 2));
    process.kill(process.pid, 'SIGKILL');
  };
  file.sync = () => {
    reach();
    return sync.call(file);
  };
  file.close = () => {
    reach();
    return close.call(file);
  };
  return file;
};
syncBuiltinESMExports();
if (way === 'nobody' && process.getuid() === 0) process.setuid(65534);

const module = new URL('../../dist/tools/roles/state-file.js', import.meta.url);
const { StateFile } = await import(pathToFileURL(module.pathname).href);
const file = new StateFile(
  path,
  () => STATE,
  (text) => console.log(text),
);
file.changed();
await file.close();
console.log(`${calls} calls`);
