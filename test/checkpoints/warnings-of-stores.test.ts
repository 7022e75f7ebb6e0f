import { readdirSync, truncateSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { createPipeline, type PipelineOptions } from '../../src/runtime/pipeline-builder.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

/** What a log is warned of. */
function listening() {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_fields: object, text: string) => warnings.push(text) };
  return { warnings, logger };
}

/** Leaves two checkpoints of an unfinished run, the last of them damaged. */
async function leaveDamaged(
  folder: string,
  start: (options?: PipelineOptions) => ReturnType<typeof pipelineOf>,
) {
  const pipeline = start();
  const run = pipeline.run();
  await pipeline.checkpoint();
  await pipeline.suspend();
  await run;
  const saved = readdirSync(`${folder}/job`).filter((name) => name.endsWith('.checkpoint'));
  expect(saved).toHaveLength(2);
  truncateSync(`${folder}/job/${saved.sort().at(-1)!}`, 10);
}

const pipelineOf = (options: PipelineOptions) =>
  createPipeline(
    { name: 'job', source: { use: 'synthetic', rate: 1_000, rows: 1_000_000 }, sink: { use: 'null' } },
    options,
  );

const DAMAGED = 'checkpoint is damaged; the one before it is taken';

it('a run says in its own log that a checkpoint of its store is damaged', async () => {
  const folder = `${SCRATCH.folder}/silent`;
  const start = (options: PipelineOptions = {}) =>
    pipelineOf({ store: new FileCheckpointStore(folder), ...options });
  await leaveDamaged(folder, start);
  const { warnings, logger } = listening();
  const resumed = start({ logger });
  await resumed.build();
  expect(warnings).toEqual([DAMAGED]);
});

it('a store that has a log says so there', async () => {
  const folder = `${SCRATCH.folder}/speaking`;
  const start = (options: PipelineOptions = {}) =>
    pipelineOf({ store: new FileCheckpointStore(folder), ...options });
  await leaveDamaged(folder, start);
  const [ofRun, ofStore] = [listening(), listening()];
  const store = new FileCheckpointStore(folder, { log: ofStore.logger });
  await start({ logger: ofRun.logger, store }).build();
  expect(ofRun.warnings).toEqual([]);
  expect(new Set(ofStore.warnings)).toEqual(new Set([DAMAGED]));
});
