// Reads the rows of a pipeline in the main thread: node examples/topic.mjs
import { createRuntime } from 'tickloom';

const runtime = await createRuntime();
const subscription = runtime.subscribe('quotes', { overflow: 'block' });
const job = await runtime.submit({
  name: 'ticks',
  source: { use: 'synthetic', rows: 100_000, symbols: 3 },
  sink: { use: 'topic', topic: 'quotes' },
});

let rows = 0;
let widest = 0;
for await (const batch of subscription) {
  const bids = batch.float64('bid');
  const asks = batch.float64('ask');
  for (let row = 0; row < batch.length; row++) widest = Math.max(widest, asks[row] - bids[row]);
  rows += batch.length;
}
console.log(`${rows} quotes, the widest spread ${widest.toFixed(2)}`);

const { outcome } = await job.outcome;
console.log(`the job has ${outcome}`);
await runtime.close();
