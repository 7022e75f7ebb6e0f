import type { SpecProblem } from '../core/errors.js';
import { cutText } from '../core/shown-text.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { topicEnds } from '../wire/stages-of-spec.js';

const TOPIC_CHARS_MAX = 100;

/**
 * Returns why a checked spec cannot be run in slices: it reads a topic. Rows of a topic are given once, so those behind
 * the end of a slice would be gone when the next one begins.
 */
export function problemOfSlicedTopic(spec: ResolvedSpec): SpecProblem | undefined {
  const end = topicEnds(spec).find(({ kind }) => kind === 'source');
  if (!end) return undefined;
  return {
    path: end.path,
    message:
      `expected no topic in a job with a slice, found "${cutText(end.topic, TOPIC_CHARS_MAX)}": the rows that come ` +
      'between two slices would be lost. Run this spec without a slice, beside slices of its producer if need be; or ' +
      'let both be one spec; or end both by a suspend (Ctrl-C), which loses no row',
  };
}
