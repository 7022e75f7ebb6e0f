// Two pipelines under supervision, each in its own thread: one ends by itself, one is drained.
// npm run build && node examples/runtime.mjs
import { createRuntime } from 'tickloom';

const runtime = await createRuntime({ maxThreads: 2 });

const finite = await runtime.submit({
  name: 'finite',
  source: { use: 'synthetic', kind: 'trade', seed: 2, rows: 500_000 },
  operators: [{ use: 'bars', every: '1s' }],
  sink: { use: 'null' },
});
const endless = await runtime.submit({
  name: 'endless',
  source: { use: 'synthetic', seed: 3, rate: 50_000 },
  sink: { use: 'null' },
});

const first = await finite.outcome;
console.log(`${first.name}: ${first.outcome} (${first.reason}), ${first.counters.rowsIn} rows in`);

const { state, counters } = endless.inspect(); // read from shared memory, the thread is not asked
console.log(`${endless.name}: ${state}, ${counters.rowsIn > 0 ? 'rows are coming' : 'no row yet'}`);
const second = await endless.drain({ deadlineMs: 2_000 });
console.log(`${second.name}: ${second.outcome} (${second.reason}), ${second.rowsPending} rows left behind`);

await runtime.close();
if (first.outcome !== 'completed' || second.outcome === 'failed') process.exitCode = 1;
