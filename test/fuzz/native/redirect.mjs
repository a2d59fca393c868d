// Loaded before everything else (`node --import`): the fuzzer's addon comes from our adapted copy of it.

import Module from 'node:module';

const load = Module._extensions['.node'];
Module._extensions['.node'] = (module, file) =>
  load(module, file.includes('@jazzer.js') ? process.env.HOMEPORT_FUZZER_ADDON : file);
