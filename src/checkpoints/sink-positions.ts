import { PipelineError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import { asBranchPosition } from '../engine/branches/branch-position.js';
import { asPartPosition, type PartPosition } from '../outputs/parts/part-position.js';
import { asFilePosition, type FilePosition } from '../outputs/single-file/file-position.js';
import { componentIn } from '../plan/spec-fingerprint.js';
import { builtIn } from '../registry/built-in.js';
import type { Checkpoint, SpecFingerprint } from '../wire/checkpoint.js';

/** What a checkpoint says of a sink without branches. */
export type SinkPosition =
  | { readonly kind: 'parts'; readonly parts: PartPosition }
  | { readonly kind: 'file'; readonly file: FilePosition }
  /** It keeps no rows: the sink `null`. */
  | { readonly kind: 'nothing' }
  /** It keeps no position, or one that only its own code can read. */
  | { readonly kind: 'other' };

export interface PlacedSink {
  /** Its key in the checkpoint: `sink`, `sink.branches[0]`, `"large"`. */
  readonly key: string;
  /** Its component; `undefined` for one that does not come with the package. */
  readonly use: string | undefined;
  readonly position: SinkPosition;
}

/** The states of a sink with branches. */
interface BranchedPosition {
  readonly branches: Readonly<Record<string, PlainData>>;
}

const FILE_SINKS: ReadonlySet<string | undefined> = new Set(['csv', 'jsonl', 'parquet']);
const SINK_NAMES = builtIn
  .all()
  .filter(({ kind }) => kind === 'sink')
  .map(({ name }) => name);

/** The sinks of a checkpoint that write, those of branches included. */
export function sinksOf({ spec, states }: Pick<Checkpoint, 'spec' | 'states'>): readonly PlacedSink[] {
  const within = (key: string, position: PlainData): readonly PlacedSink[] => {
    const branches = branchesIn(position);
    if (!branches) return [placed(key, position, spec)];
    return Object.entries(branches).flatMap(([branch, state]) =>
      within(branch, asBranchPosition(state, branch).sink),
    );
  };
  return within('sink', states.sink ?? null);
}

/** The position with that of each sink without branches replaced, and all else of branches begun anew. */
export function withSinks(
  position: PlainData,
  replace: (key: string, position: PlainData) => PlainData,
  key = 'sink',
): PlainData {
  const branches = branchesIn(position);
  if (!branches) return replace(key, position);
  const anew = Object.entries(branches).map(([branch, state]) => {
    const { sink } = asBranchPosition(state, branch);
    return [branch, { operators: {}, rows: {}, sink: withSinks(sink, replace, branch) }];
  });
  return { branches: Object.fromEntries(anew) as PlainData, counts: {} };
}

/** What a sink is called in messages. */
export const titleOf = ({ key, use }: Pick<PlacedSink, 'key' | 'use'>): string =>
  use === undefined ? `sink ${key}` : `sink "${use}" (${key})`;

function placed(key: string, position: PlainData, spec: SpecFingerprint): PlacedSink {
  const use = componentIn(spec, key, SINK_NAMES);
  return { key, use, position: readPosition(use, position) };
}

function readPosition(use: string | undefined, position: PlainData): SinkPosition {
  if (use === 'null') return { kind: 'nothing' };
  if (!FILE_SINKS.has(use)) return { kind: 'other' };
  const parts = orNone(() => asPartPosition(position));
  if (parts) return { kind: 'parts', parts };
  return { kind: 'file', file: asFilePosition(position) };
}

function branchesIn(position: PlainData): BranchedPosition['branches'] | undefined {
  const { branches, counts } = (position ?? {}) as Partial<Record<string, unknown>>;
  const isBranched = [branches, counts].every((found) => typeof found === 'object' && found !== null);
  return isBranched ? (branches as BranchedPosition['branches']) : undefined;
}

function orNone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof PipelineError) return undefined;
    throw error;
  }
}
