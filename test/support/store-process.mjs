// A process that puts records into a store until it is killed, and says which are there: node store-process.mjs FOLDER
// Eight jobs at once, each as often as it can: "<job> <sequence>" is said once that put has resolved.

import { FileJobStore } from '../../dist/src/index.js';

const [folder] = process.argv.slice(2);
const store = new FileJobStore(folder, { rewriteBytesMin: 20_000 });

const put = async (id) => {
  const { jobs } = await store.load();
  for (let sequence = (jobs.find((job) => job.id === id)?.sequence ?? 0) + 1; ; sequence++) {
    await store.putJob({
      id,
      name: id,
      sequence,
      submittedAtMs: 0,
      spec: { text: 'x'.repeat(sequence % 700) },
      options: {},
      wish: 'run',
      state: 'running',
      history: [],
      runs: [],
    });
    process.stdout.write(`${id} ${sequence}\n`);
  }
};

try {
  await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(put));
} catch (error) {
  process.stdout.write(`${error.code}: ${error.message}\n`);
}
