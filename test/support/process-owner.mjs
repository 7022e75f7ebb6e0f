// A process with a runtime that runs one job in a process of its own, until it is killed:
// node process-owner.mjs '{ "folder": …, "spec": …, "operators": […], "checkpoints": "1s", "store": … }'

import { createRuntime } from '../../dist/src/index.js';

const { folder, spec, operators, checkpoints, store } = JSON.parse(process.argv[2]);
const runtime = await createRuntime({
  moduleFolders: ['/'],
  ...(checkpoints && { checkpoints: { path: `${folder}/checkpoints`, every: checkpoints } }),
  ...(store && { store: { path: store } }),
});
await runtime.submit(
  { name: 'orphan', source: { use: 'synthetic' }, sink: { use: 'null' }, ...spec, operators },
  { isolation: 'process' },
);
