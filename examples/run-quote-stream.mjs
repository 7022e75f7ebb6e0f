// Streams quotes of a provider into the main thread; the pipeline that reads it has a thread of its own.
// npm run build && node examples/run-quote-stream.mjs
import { createRuntime, rowsOf, uncheckedSpec } from 'tickloom';

const QUOTES = 30;
const runtime = await createRuntime({ components: ['./examples/scripted-venue/component.mjs'] });
const subscription = runtime.subscribe('quotes');
const job = await runtime.submit(
  uncheckedSpec({
    name: 'quote-stream',
    source: { use: 'north-venue', stream: 'quotes', symbols: ['BTC-USD', 'ETH-USD'] },
    sink: { use: 'topic', topic: 'quotes' },
  }),
);

let quotes = 0;
for await (const batch of subscription) {
  for (const { symbol, bid, ask } of rowsOf(batch)) {
    if (quotes++ < 4) console.log(symbol, bid.toFixed(2), ask.toFixed(2));
  }
  if (quotes >= QUOTES) break; // leaves the topic; the stream goes on
}
console.log(`${quotes} quotes have come`);

const { outcome, reason } = await job.drain();
console.log(`the job has ${outcome} (${reason})`);
await runtime.close();
if (quotes < QUOTES || outcome !== 'completed') process.exitCode = 1;
