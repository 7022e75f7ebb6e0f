// A source, an operator and a sink of one's own in one pipeline.
// npm run build && node examples/own-stages.mjs
// @ts-check
import { readFileSync, rmSync } from 'node:fs';
import { createPipeline } from 'tickloom';
import { lines } from './own-sink.mjs';
import { venueTrades } from './own-source.mjs';

const PATH = 'out/own-stages.txt';
rmSync('out/own-stages.dead.jsonl', { force: true });

const pipeline = createPipeline(
  {
    name: 'own-stages',
    operators: [{ use: 'module', path: 'examples/own-operator.mjs' }],
    deadLetter: { path: 'out/own-stages.dead.jsonl' },
  },
  { source: venueTrades, sink: lines(PATH) },
);
const { outcome, error, counters } = await pipeline.run();
console.log(
  `${outcome}: ${counters.rowsOut} trades, ${counters.rowsDropped} repeated, ${counters.rowsRejected} rejected`,
);
if (error) console.log(error.message);
process.stdout.write(readFileSync(PATH, 'utf8'));
if (outcome !== 'completed' || counters.rowsOut !== 3) process.exitCode = 1;
