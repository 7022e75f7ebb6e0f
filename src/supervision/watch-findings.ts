import type { WireError } from '../core/errors.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf, titleOf } from '../wire/stage-tree.js';
import type { StalledRows } from './job.js';
import type { StallFinding, StuckFinding } from './watchdog.js';

/** The error of a run whose event loop does not turn. */
export function stuckError(spec: ResolvedSpec, { countedMs, ranMs, place }: StuckFinding): WireError {
  const at = placeIn(spec, place);
  const where = at ? `; it is in ${at.title}` : '';
  const message = `The thread has not turned its event loop for ${seconds(countedMs)} ("watchdog.loop")${where}${how(countedMs, ranMs)}`;
  return { code: 'THREAD_STUCK', message, retryable: true, ...(at && { stage: at.id }) };
}

/** The loss of a thread that could not be ended, with the stage that it is in. @param place - 0 if that is not known. */
export function leftAt(spec: ResolvedSpec, error: WireError, place: number): WireError {
  const at = placeIn(spec, place);
  return at && error.stage === undefined ? { ...error, stage: at.id } : error;
}

/** The rows that wait, for those who look at the job. */
export function stalledRows(
  spec: ResolvedSpec,
  { place, forMs }: Pick<StallFinding, 'place' | 'forMs'>,
  nowMs: number,
): StalledRows {
  const at = placeIn(spec, place);
  return { ...(at && { stage: at.id }), sinceMs: Math.round(nowMs - forMs) };
}

/** The error of a run that makes no progress. */
export function stalledError(spec: ResolvedSpec, { place, forMs }: StallFinding): WireError {
  const at = placeIn(spec, place);
  const what = at ? `${at.title} has not finished a call` : 'a stage has not finished a call';
  const message = `Rows have waited without progress for ${seconds(forMs)} ("watchdog.progress"): ${what}`;
  return { code: 'JOB_STALLED', message, retryable: true, ...(at && { stage: at.id }) };
}

/** @param place - As `placesOf` counts, from 1. */
function placeIn(
  spec: ResolvedSpec,
  place: number,
): { readonly id: string; readonly title: string } | undefined {
  const found = placesOf<ResolvedStage>(spec)[place - 1];
  return found && { id: found.id, title: titleOf(found) };
}

/** What the processor says of a thread that does not answer. */
function how(countedMs: number, ranMs: number | undefined): string {
  if (ranMs === undefined) return '';
  if (ranMs >= countedMs / 2)
    return `. It used ${seconds(ranMs)} of a processor meanwhile: it loops, or one batch takes too long`;
  return `. It used ${seconds(ranMs)} of a processor meanwhile: it waits in a call that does not return, such as execFileSync`;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
