// Two pipelines, each in its own thread, call one provider as fast as they may: together they get no more than its
// budget gives, and each tenant no more than its own.
// npm run build && node examples/rate-limited-pipelines.mjs
import { createRuntime, uncheckedSpec } from 'tickloom';

const BURST = 10;
const PER_SECOND = 40;
const runtime = await createRuntime({
  components: ['./examples/scripted-venue/component.mjs'],
  budgets: {
    providers: { 'north-venue': { permits: PER_SECOND, per: '1s', burst: BURST } },
    tenants: {
      research: { permits: 10, per: '1s', burst: 1 },
      trading: { permits: 100, per: '1s', burst: 10 },
    },
  },
});

const began = performance.now();
const jobs = await Promise.all(
  ['research', 'trading'].map((tenant) =>
    runtime.submit(
      uncheckedSpec({
        name: tenant,
        source: {
          use: 'north-venue',
          stream: 'quotes',
          symbols: ['BTC-USD'],
          everyMs: 0, // as fast as the gate lets it
          budget: { provider: 'north-venue', tenant },
        },
        sink: { use: 'null' },
      }),
    ),
  ),
);
while (performance.now() - began < 2_000) await new Promise((resolve) => setTimeout(resolve, 100));
const reports = await Promise.all(jobs.map((job) => job.drain()));
const seconds = (performance.now() - began) / 1_000;

const granted = runtime.resilience.rates.status({ provider: 'north-venue' }).permits;
for (const { name, counters } of reports) console.log(`${name}: ${counters.rowsIn} calls`);
console.log(
  `together ${granted} permits in ${seconds.toFixed(1)} s, of a burst of ${BURST} and ${PER_SECOND} a second`,
);
await runtime.close();

const [research, trading] = reports.map(({ counters }) => counters.rowsIn);
const isKept = granted <= BURST + PER_SECOND * seconds && research <= 1 + 10 * seconds && research < trading;
if (!isKept || research === 0 || reports.some(({ outcome }) => outcome !== 'completed')) process.exitCode = 1;
