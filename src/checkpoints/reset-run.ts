import type { PlainData } from '../core/plain-data.js';
import { readDeadLetterPosition, rewoundLetters } from '../engine/dead-letters/dead-letter-position.js';
import { rewoundParts } from '../outputs/parts/part-position.js';
import { rewoundFile } from '../outputs/single-file/file-position.js';
import { RUN_COUNTERS, type RunCounters } from '../shared-memory/counters.js';
import type { Checkpoint } from '../wire/checkpoint.js';
import { type PlacedSink, sinksOf, titleOf, withSinks } from './sink-positions.js';

/** What becomes of a run that is reset. */
export type ResetPlan =
  | { readonly checkpoint: Checkpoint; readonly sinks: readonly PlacedSink[] }
  /** Why a sink cannot take back its rows. */
  | { readonly problems: readonly string[] };

/**
 * Plans the reset of a run: the checkpoint with which its next start begins anew, and its sinks take back all that
 * they have of it (docs/decisions/0058). Changes nothing.
 *
 * @param nowMs - Ms since 1970.
 * @throws {PipelineError} `CHECKPOINT_INVALID` for a checkpoint whose states cannot be read.
 */
export function planReset(checkpoint: Checkpoint, nowMs: number): ResetPlan {
  const sinks = sinksOf(checkpoint);
  const rewound = new Map<string, PlainData>();
  const problems: string[] = [];
  for (const sink of sinks) {
    const position = rewoundPosition(sink);
    if (position === undefined) problems.push(`${titleOf(sink)} ${whyNot(sink)}`);
    else rewound.set(sink.key, position);
  }
  if (problems.length > 0) return { problems };
  const { version, job, run, spec, states } = checkpoint;
  const sink = withSinks(states.sink!, (key) => rewound.get(key)!);
  const letters = states.deadLetters;
  return {
    sinks,
    checkpoint: {
      version,
      job,
      run,
      takenAtMs: nowMs,
      spec,
      states: {
        sink,
        ...(letters !== undefined && { deadLetters: rewoundLetters(readDeadLetterPosition(letters)) }),
      },
      counters: Object.fromEntries(RUN_COUNTERS.map((name) => [name, 0])) as RunCounters, // of its keys
      dictionaries: {},
      isReset: true,
    },
  };
}

function rewoundPosition({ position }: PlacedSink): PlainData | undefined {
  switch (position.kind) {
    case 'parts':
      return rewoundParts(position.parts);
    case 'file':
      return rewoundFile(position.file);
    case 'nothing':
      return null;
    case 'other':
      return undefined;
  }
}

function whyNot({ position, use }: PlacedSink): string {
  if (position.kind !== 'file') {
    return use === undefined
      ? 'does not come with Tickloom, which cannot read its position'
      : 'cannot take back rows that it has written';
  }
  return position.file.published
    ? 'has published its file, and no longer says what was there before'
    : 'found a file at its path, and does not say whether the rows of that file are in the one that it writes';
}
