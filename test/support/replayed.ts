import type { z } from 'zod';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Row } from '../../src/columns/row-view.js';
import type { PlainData } from '../../src/core/plain-data.js';
import type { Source } from '../../src/engine/source.js';
import type { StageContext } from '../../src/engine/stage.js';
import type { OpensFiles } from '../../src/formats/lent-descriptors.js';
import { ReplayOptions } from '../../src/stages/sources/replay/options.js';
import { replaySource } from '../../src/stages/sources/replay/replay.js';
import { rowsIn } from './batch-rows.js';
import { collectProblems, RecordedRejects, stageContext } from './stage-context.js';

export type ReplayInput = z.input<typeof ReplayOptions>;

/** A replay source and what it was given, opened. */
export async function openReplay(
  input: ReplayInput,
  { resumeAt, fs, ...overrides }: Partial<StageContext> & { resumeAt?: PlainData; fs?: OpensFiles } = {},
) {
  const options = ReplayOptions.parse(input);
  const problems = collectProblems();
  replaySource.plan(options, problems);
  if (problems.found.length > 0) throw new Error(problems.found.join('\n'));
  const rejects = new RecordedRejects();
  const context = stageContext({ dictionaries: new DictionarySet(), rejects, ...overrides });
  const source = replaySource.create(options, context, fs);
  await source.open?.();
  if (resumeAt !== undefined) await source.resume(resumeAt);
  return { source, context, rejects };
}

/** All rows that are left, and the error that ended them if one did. */
export async function drainRows(source: Source): Promise<{ rows: Row[]; error: unknown }> {
  const rows: Row[] = [];
  try {
    for (;;) {
      const batch = await source.read();
      if (!batch) return { rows, error: undefined };
      rows.push(...rowsIn(batch));
      batch.release();
    }
  } catch (error) {
    return { rows, error };
  } finally {
    await source.close?.();
  }
}

/** Replays from front to end. */
export async function replay(input: ReplayInput, overrides: Partial<StageContext> = {}) {
  const { source, rejects } = await openReplay(input, overrides);
  const { rows, error } = await drainRows(source);
  return { rows, error, rejected: rejects.rows, source };
}

/** Problems that planning finds with options that have the right form. */
export function planProblems(input: ReplayInput): string[] {
  const problems = collectProblems();
  replaySource.plan(ReplayOptions.parse(input), problems);
  return problems.found;
}
