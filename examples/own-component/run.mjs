// The component of component.mjs in a runtime: its options are checked like those of any other, in a
// throw-away thread, and it runs in the thread of its job.
// npm run build && node examples/own-component/run.mjs
// @ts-check
import { createRuntime, InvalidSpecError, uncheckedSpec } from 'tickloom';

const runtime = await createRuntime({ components: ['./examples/own-component/component.mjs'] });

/** @param {number} min */
const spec = (min) =>
  // The type of a spec knows the components of tickloom alone.
  uncheckedSpec({
    name: 'own-component',
    source: { use: 'synthetic', seed: 4, symbols: ['EUR/USD'], spread: 2, volatility: 3, rows: 50_000 },
    operators: [{ use: 'wide-spreads', min }],
    sink: { use: 'null' },
  });

let refused = '';
await runtime.submit(spec(-1)).catch((error) => {
  if (!(error instanceof InvalidSpecError)) throw error;
  refused = error.message;
});
console.log(refused);

const job = await runtime.submit(spec(2.01));
const { outcome, counters } = await job.outcome;
console.log(`${outcome}: ${counters.rowsOut} of ${counters.rowsIn} quotes have a wide spread`);
await runtime.close();
const isRight = outcome === 'completed' && counters.rowsOut > 0 && counters.rowsOut < counters.rowsIn;
if (!isRight || !refused.includes('operators[0].min: expected a number of basis points'))
  process.exitCode = 1;
