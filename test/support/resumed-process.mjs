// A runtime with a store in a folder, over the jobs of its specs: node resumed-process.mjs FOLDER SPECS

import { createRuntime } from '../../dist/src/index.js';

const [folder, specs] = process.argv.slice(2);
const runtime = await createRuntime({
  store: { path: `${folder}/store` },
  checkpoints: { path: `${folder}/store/checkpoints`, every: '10ms' },
});
const known = new Set(runtime.list().map(({ name }) => name));
for (const spec of JSON.parse(specs)) {
  // Killed process by process, a job is one that needs very many restarts.
  if (!known.has(spec.name)) {
    await runtime.submit(spec, { restart: { policy: 'on-failure', maxRestarts: 10_000 } });
  }
}
const rows = setInterval(() => {
  const total = runtime.list().reduce((sum, { counters }) => sum + counters.rowsOut, 0);
  process.stdout.write(`${total}\n`);
}, 10);
const reports = await Promise.all(runtime.list().map(({ id }) => runtime.get(id).outcome));
clearInterval(rows);
await runtime.close();
process.stdout.write(`${reports.map(({ outcome }) => outcome)}\n`);
