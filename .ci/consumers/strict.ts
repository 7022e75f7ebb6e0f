// A strict project: what the public types accept and give, with options that are there and undefined.
import {
  Batch,
  createPipeline,
  createRuntime,
  InvalidSpecError,
  type PipelineSpec,
  type RuntimeOptions,
  rowsOf,
  uncheckedSpec,
} from 'tickloom';
import { createBreaker } from 'tickloom/breaker';
import { FileCheckpointStore, MemoryCheckpointStore } from 'tickloom/checkpoints';
import { type AcquireOptions, openRates, RateCoordinator } from 'tickloom/rate';
import { ResilienceCoordinator } from 'tickloom/resilience';
import { callbackSink, defineComponent, defineRowOperator, Batch as SameBatch } from 'tickloom/stages';

const spec: PipelineSpec = { name: 'typed', source: { use: 'synthetic', rows: 10 }, sink: { use: 'null' } };
const wrong = { ...spec, source: { use: 'synthetc' as 'synthetic' } };
const acquiring: AcquireOptions = { cost: undefined, signal: undefined, timeoutMs: undefined };
const settings: RuntimeOptions = { maxThreads: 1, moduleFolders: undefined, secrets: undefined };
const positive = defineRowOperator({ onRow: (row) => typeof row.bid === 'number' && row.bid > 0 });
const component = defineComponent({
  kind: 'operator',
  name: 'positive',
  summary: 'Lets rows with a bid through.',
  options: async () => (await import('zod')).z.strictObject({}),
  load: async () => positive,
});

async function countRows(): Promise<number> {
  let rows = 0;
  const sink = callbackSink((batch) => {
    for (const row of rowsOf(batch)) if (row.bid !== null) rows++;
  });
  const store = new MemoryCheckpointStore();
  const options = { sink, store, key: undefined, logger: undefined, components: [component] };
  const checked = uncheckedSpec({ ...spec, operators: [{ use: 'positive' }] });
  await createPipeline(checked, options).run();
  return rows;
}

async function useThread(): Promise<string> {
  const runtime = await createRuntime(settings);
  try {
    const job = await runtime.submit(spec);
    return (await job.outcome).outcome;
  } finally {
    await runtime.close({ deadlineMs: undefined });
  }
}

async function callProvider(): Promise<string> {
  const breaker = createBreaker({ name: 'feed', failuresInRow: 3, timeoutMs: undefined });
  const rates = new RateCoordinator({ providers: { feed: { permits: 10, per: '1s', burst: undefined } } });
  try {
    const limiter = openRates(rates.handle()).limiter({
      provider: 'feed',
      endpoint: undefined,
      tenant: undefined,
    });
    const permit = await limiter.acquire(acquiring);
    permit.release();
    const answer = await breaker.execute((signal) =>
      fetch('data:text/plain,up', { signal }).then((response) => response.text()),
    );
    return answer;
  } finally {
    rates.close();
    breaker.close();
  }
}

async function main(): Promise<void> {
  const error: unknown = await createPipeline(wrong)
    .run()
    .catch((thrown: unknown) => thrown);
  const isSame: boolean = Batch === SameBatch && error instanceof InvalidSpecError;
  const classes = [FileCheckpointStore, ResilienceCoordinator].every((each) => typeof each === 'function');
  console.log(await countRows(), await useThread(), await callProvider(), isSame, classes);
}
void main();
