// The source of component.mjs in a runtime, behind a budget and a breaker of its settings. The service
// asks for a pause once (429) and is away for three calls (503): no trade is lost, and none comes twice.
// npm run build && node examples/own-provider/run.mjs
// @ts-check
import { callbackSink, createPipeline, createRuntime, uncheckedSpec } from 'tickloom';
import { MemoryCheckpointStore } from 'tickloom/checkpoints';
import component from './component.mjs';
import { API_KEY, startServer } from './server.mjs';

const server = await startServer();
const runtime = await createRuntime({
  components: ['./examples/own-provider/component.mjs'],
  budgets: { providers: { 'trade-history': { permits: 50, per: '1s', burst: 10, inFlight: 1 } } },
  breakers: { 'trade-history': { failuresInRow: 2, openMs: 200, openFactor: 1, openJitter: 0 } },
});
runtime.on((event) => {
  if (event.type === 'job.state') console.log(`${event.name}: ${event.state}`);
});

/** @param {string} name @param {string} apiKey */
const spec = (name, apiKey) =>
  uncheckedSpec({
    name,
    source: {
      use: 'trade-history',
      url: server.url,
      apiKey, // marked as secret: in no log, report or error
      symbol: 'ACME',
      budget: { provider: 'trade-history' },
      breaker: 'trade-history',
    },
    operators: [{ use: 'bars', every: '1m' }],
    sink: { use: 'null' },
  });

const history = await (await runtime.submit(spec('history', API_KEY))).outcome;
const { rowsIn, rowsOut } = history.counters;
console.log(`${history.outcome}: ${rowsIn} trades in ${rowsOut} bars; answers by status:`, server.answers);
const calls = Object.values(server.answers).reduce((sum, count) => sum + count, 0);
const spent = runtime.resilience?.rates.status({ provider: 'trade-history' }).permits;
console.log(`${spent} permits for ${calls} calls`);

// A key that the service does not know is no outage: it is not tried again, and opens no breaker.
const refused = await (await runtime.submit(spec('refused', 'not-the-key'))).outcome;
console.log(`${refused.outcome}: ${refused.error?.message} [${refused.error?.code}]`);

// Its position is in checkpoints: suspended in the middle, the next start goes on with the next trade.
const store = new MemoryCheckpointStore();
let seen = 0;
/** @param {number} [suspendAfter] */
const start = (suspendAfter = Infinity) => {
  const source = { use: 'trade-history', url: server.url, apiKey: API_KEY, symbol: 'ACME' };
  const sink = callbackSink((batch) => {
    seen += batch.length;
    if (seen >= suspendAfter) void pipeline.suspend();
  });
  const pipeline = createPipeline(uncheckedSpec({ name: 'resumed', source, batcher: { maxRows: 500 } }), {
    components: [component],
    sink,
    store,
  });
  return pipeline.run();
};
const first = await start(1_000);
const seenFirst = seen;
const second = await start();
console.log(`${first.reason} after ${seenFirst} trades, ${second.reason} after ${seen}`);

await runtime.close();
server.close();
const isRight =
  history.outcome === 'completed' &&
  rowsIn === server.trades &&
  spent === calls &&
  server.answers[429] === 1 &&
  server.answers[503] === 3 &&
  server.answers[401] === 1 &&
  first.reason === 'suspended' &&
  second.outcome === 'completed' &&
  seenFirst < seen &&
  seen === server.trades &&
  refused.error?.code === 'PROVIDER_AUTHENTICATION' &&
  !JSON.stringify(refused).includes('not-the-key');
if (!isRight) process.exitCode = 1;
