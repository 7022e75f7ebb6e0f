import { createPipeline } from '../../src/index.js';
import type { PipelineSpec } from '../../src/plan/typed-spec.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';

/**
 * Runs a spec in this thread to its end.
 *
 * @throws {Error} when it does not get there.
 */
export async function runOurs(spec: PipelineSpec): Promise<PipelineReport> {
  const pipeline = await createPipeline(spec);
  const report = await pipeline.run();
  if (report.outcome !== 'completed') {
    throw new Error(`Tickloom ${report.outcome}: ${report.error?.message ?? report.reason}`);
  }
  return report;
}
