// Two providers of the same quotes behind a router. The first one breaks off: its quotes come from the second one at
// once, and from the first one again once that has given rows for a while.
// npm run build && node examples/multi-provider-routing.mjs
import { createRuntime, uncheckedSpec } from 'tickloom';

const runtime = await createRuntime({ components: ['./examples/scripted-venue/component.mjs'] });
const subscription = runtime.subscribe('routed');
const job = await runtime.submit(
  uncheckedSpec({
    name: 'routed-quotes',
    source: {
      use: 'router',
      strategy: 'first',
      sources: {
        north: { use: 'north-venue', stream: 'quotes', symbols: ['BTC-USD', 'ETH-USD'], breaksOffAfter: 25 },
        south: { use: 'south-venue', stream: 'quotes', symbols: ['BTC-USD', 'ETH-USD'] },
      },
      hold: '300ms',
      coolDown: '200ms',
      backOff: '100ms',
    },
    sink: { use: 'topic', topic: 'routed' },
  }),
);

const switches = [];
let quotes = 0;
for await (const batch of subscription) {
  quotes += batch.length;
  for (const { record } of batch.controls) {
    if (record.type !== 'switched') continue;
    switches.push(`${record.from} → ${record.to} (${record.reason})`);
    console.log(`switched: ${switches.at(-1)}`);
  }
  if (switches.length === 2) break;
}

const { outcome, reason } = await job.drain();
console.log(`${quotes} quotes have come; the job has ${outcome} (${reason})`);
await runtime.close();
const expected = ['north → south (error)', 'south → north (failback)'];
if (String(switches) !== String(expected) || outcome !== 'completed' || quotes === 0) process.exitCode = 1;
