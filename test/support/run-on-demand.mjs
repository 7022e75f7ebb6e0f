// A process or thread that is up and waits: it runs each spec that it is sent, and answers how the run ended.
import { parentPort } from 'node:worker_threads';
import { createPipeline } from '../../dist/src/index.js';

const tell = (text) => (parentPort ? parentPort.postMessage(text) : process.send(text));

(parentPort ?? process).on('message', async (spec) => {
  try {
    const pipeline = await createPipeline(spec).build();
    const report = await pipeline.run(async () => tell('open'));
    tell(report.error?.code ?? report.outcome);
  } catch (error) {
    tell(error.code ?? String(error));
  }
});
tell('up');
