// A process that runs a spec with checkpoints in a folder, as often as it can: node checkpointed-process.mjs FOLDER SINK

import { FileCheckpointStore } from '../../dist/src/checkpoints/checkpoints.js';
import { createPipeline } from '../../dist/src/index.js';

const [folder, sink] = process.argv.slice(2);
const spec = {
  name: 'kept',
  source: { use: 'synthetic', rows: 60_000, symbols: 7, rate: 120_000, seed: 3 },
  batchRows: 512,
  sink: JSON.parse(sink),
};
const files = new FileCheckpointStore(`${folder}/checkpoints`);
const store = {
  load: (key) => files.load(key),
  claim: async (key, owner) => {
    const fence = await files.claim(key, owner);
    process.stdout.write('claimed\n');
    return fence;
  },
  save: (key, fence, checkpoint) => files.save(key, fence, checkpoint),
  list: () => files.list(),
  remove: (key) => files.remove(key),
};
const report = await createPipeline(spec, { store, checkpointEveryMs: 10 }).run();
process.stdout.write(`${report.error?.code ?? report.outcome}\n`);
