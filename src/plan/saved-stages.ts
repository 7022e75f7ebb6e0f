import type { PlainData } from '../core/plain-data.js';
import type { Checkpoint } from '../wire/checkpoint.js';

/** What a checkpoint says of its stages, by their keys. */
export interface SavedStages {
  /** Operators that keep no state, so that another one may take their place. */
  readonly stateless: ReadonlySet<string>;
  /** Sinks that keep no position, so that they go on in nothing. */
  readonly unplaced: ReadonlySet<string>;
}

/** Keys of a line's states that are none of operators or inputs. */
const OTHERS: ReadonlySet<string> = new Set(['source', 'intake', 'deadLetters', 'sink', 'rows']);

/** Without states, none is known to be without. */
export function savedStages({ states }: Partial<Pick<Checkpoint, 'states'>>): SavedStages {
  const stateless = new Set<string>();
  const unplaced = new Set<string>();
  addStateless(states, stateless);
  if (states) addSink('sink', states.sink ?? null, { stateless, unplaced });
  return { stateless, unplaced };
}

function addStateless(line: unknown, stateless: Set<string>): void {
  const keys = Object.keys(fieldsOf(line)).filter((key) => !OTHERS.has(key));
  for (const key of keys) {
    const hasInputs = keys.some((other) => other.startsWith(`${key}.`));
    if (fieldsOf(line)[key] === null && !hasInputs) stateless.add(key);
  }
}

/** The states of what stands in branches are part of the position of their sink. */
function addSink(
  key: string,
  position: PlainData,
  found: { readonly stateless: Set<string>; readonly unplaced: Set<string> },
): void {
  if (position === null) found.unplaced.add(key);
  for (const [branch, state] of Object.entries(fieldsOf(fieldsOf(position).branches))) {
    const { operators, sink } = fieldsOf(state);
    addStateless(operators, found.stateless);
    addSink(branch, sink ?? null, found);
  }
}

const fieldsOf = (data: unknown): Readonly<Record<string, PlainData>> =>
  typeof data === 'object' && data !== null ? (data as Readonly<Record<string, PlainData>>) : {};
