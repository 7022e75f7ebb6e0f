// A process that runs a pipeline into DuckDB with checkpoints in a folder, and goes on with its run:
// node duckdb-process.mjs FOLDER SPEC

import { FileCheckpointStore } from '../../../dist/src/checkpoints/checkpoints.js';
import { createPipeline } from '../../../dist/src/index.js';

const [folder, spec] = process.argv.slice(2);
const files = new FileCheckpointStore(`${folder}/checkpoints`);
const told = (text) => process.stdout.write(`${text}\n`);
const store = {
  load: (key) => files.load(key),
  claim: async (key, owner) => {
    const fence = await files.claim(key, owner);
    told('claimed');
    return fence;
  },
  save: async (key, fence, checkpoint) => {
    await files.save(key, fence, checkpoint);
    told('saved');
  },
  list: () => files.list(),
  remove: (key) => files.remove(key),
};
// It may have been killed after its end, before it said so; a new start would be another run.
if ((await files.load(JSON.parse(spec).name))?.ended?.isPublished) {
  told('completed');
  process.exit();
}
const report = await createPipeline(JSON.parse(spec), { store, checkpointEveryMs: 10 }).run();
told(report.error ? `${report.error.code}: ${report.error.message}` : report.outcome);
