// One pipeline in the calling thread, its bars handed to a function.
// npm run build && node examples/simple-api.mjs
import { callbackSink, createPipeline, rowsOf } from 'tickloom';

const highest = new Map();

const pipeline = createPipeline(
  {
    name: 'highest-price',
    source: { use: 'synthetic', seed: 1, symbols: ['EUR/USD', 'GBP/USD'], rows: 200_000 },
    operators: [
      { use: 'derive', columns: { mid: '(bid + ask) / 2' } },
      { use: 'bars', every: '1s', price: 'mid' },
    ],
  },
  {
    sink: callbackSink((batch) => {
      for (const bar of rowsOf(batch)) {
        highest.set(bar.symbol, Math.max(highest.get(bar.symbol) ?? -Infinity, bar.high));
      }
    }),
  },
);

const report = await pipeline.run();
console.log(`${report.outcome}: ${report.counters.rowsIn} quotes in, ${report.counters.rowsOut} bars out`);
for (const [symbol, price] of highest) console.log(`${symbol} reached ${price.toFixed(3)}`);
if (report.outcome !== 'completed') process.exitCode = 1;
