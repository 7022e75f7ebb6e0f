import type { Schema } from '../../../columns/schema.js';
import { sequenceIndex } from '../../../columns/sequence.js';
import type { Input } from '../../../engine/input.js';
import type { SequenceNumbers } from '../../../wire/provider-capabilities.js';

/** The space in which all inputs number their rows; `undefined` if there is none: then no numbers are compared. */
export function commonNumbers(inputs: readonly Input[], schema: Schema): SequenceNumbers | undefined {
  const [first, ...others] = inputs.map(({ sequences }) => sequences);
  if (!first || sequenceIndex(schema) < 0) return undefined;
  const isCommon = others.every((other) => other?.space === first.space && other.scope === first.scope);
  if (!isCommon) return undefined;
  // Where one of them leaves numbers out, a number that is missing says nothing.
  return others.some((other) => other?.step === 'up') ? { ...first, step: 'up' } : first;
}
