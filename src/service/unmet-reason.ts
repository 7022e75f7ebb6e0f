import { cutText } from '../core/shown-text.js';
import type { DependencyPoint, JobEndState } from '../supervision/job.js';

/** How a job ended for good. */
export interface JobEnd {
  readonly state: JobEndState;
  /** Why it failed. */
  readonly message?: string | undefined;
}

/** Characters of the reason of another job that are shown: in a chain of jobs, each quotes the one before. */
const CAUSE_CHARS_MAX = 300;

const HOW_FAR: Readonly<Record<DependencyPoint, string>> = {
  started: 'start',
  ready: 'get ready',
  completed: 'end',
  succeeded: 'complete',
};

/** Says why a job that waited for another one fails. */
export function unmetReason({
  name,
  on,
  end,
}: {
  readonly name: string;
  readonly on: DependencyPoint;
  readonly end: JobEnd;
}): string {
  const needed = `It waited for job "${name}" to ${HOW_FAR[on]} ("on: ${on}")`;
  const because = end.message === undefined ? '' : `: ${cutText(end.message, CAUSE_CHARS_MAX)}`;
  return `${needed}, which ended first and is ${end.state}${because}`;
}
