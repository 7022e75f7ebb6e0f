import { createPipeline, createRuntime, InvalidSpecError } from 'tickloom';
import { expect, test } from 'vitest';

const spec = { name: 'tested', source: { use: 'synthetic', rows: 100 }, sink: { use: 'null' } };

test('a pipeline runs in the thread of a test', async () => {
  const { outcome, counters } = await createPipeline(spec).run();
  expect([outcome, counters.rowsOut]).toEqual(['completed', 100]);
});

test('a job runs in a thread of its own, and nothing is left of it', async () => {
  const runtime = await createRuntime({ maxThreads: 1 });
  const job = await runtime.submit(spec);
  expect(await job.outcome).toMatchObject({ outcome: 'completed' });
  await runtime.close();
});

test('errors are of their classes', async () => {
  const wrong = { ...spec, source: { use: 'synthetc' } };
  await expect(createPipeline(wrong).run()).rejects.toBeInstanceOf(InvalidSpecError);
});
