import { BatchPool } from '../../src/columns/batch-pool.js';
import type { Row } from '../../src/columns/row-view.js';
import type { StageContext } from '../../src/engine/stage.js';
import { csvFormat } from '../../src/formats/csv/csv-format.js';
import type { FileDirection, RowPosition } from '../../src/formats/file-decoder.js';
import { ReplayOptions } from '../../src/stages/sources/replay/options.js';
import { rowsIn } from './batch-rows.js';
import type { ReplayInput } from './replayed.js';
import { RecordedRejects, stageContext } from './stage-context.js';

export interface DecodeSettings extends Partial<Pick<StageContext, 'batchRows'>> {
  readonly direction?: FileDirection;
  readonly resumeAt?: RowPosition;
  /** Stops after so many batches. */
  readonly batches?: number;
  readonly rejects?: RecordedRejects;
}

/** Decodes one CSV file, without a source around it. */
export async function decodeFile(
  input: Omit<ReplayInput, 'path'> & { path: string },
  { direction, resumeAt, batches = Number.POSITIVE_INFINITY, ...context }: DecodeSettings = {},
) {
  const options = ReplayOptions.parse(input);
  const rejects = context.rejects ?? new RecordedRejects();
  const stage = stageContext({ ...context, rejects });
  const pool = new BatchPool(csvFormat.plan(options, { add() {} }), stage.batchRows, stage.dictionaries);
  const decoder = await csvFormat.open(input.path, options, stage, direction);
  const rows: Row[] = [];
  let error: unknown;
  try {
    if (resumeAt) await decoder.resume(resumeAt);
    for (let batch = 0, hasMore = true; hasMore && batch < batches; batch++) {
      const read = pool.acquire();
      try {
        hasMore = await decoder.read(read, () => false);
        rows.push(...rowsIn(read));
      } finally {
        read.release();
      }
    }
  } catch (thrown) {
    error = thrown;
  } finally {
    await decoder.close();
  }
  return { rows, error, position: decoder.position(), rejected: rejects.rows };
}
