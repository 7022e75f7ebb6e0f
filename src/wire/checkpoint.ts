import { PipelineError } from '../core/errors.js';
import { isCount, type PlainData } from '../core/plain-data.js';
import { RUN_COUNTERS, type RunCounters } from '../shared-memory/counters.js';

/** What this release writes, and the one that it reads. */
export const CHECKPOINT_VERSION = 1;

/** Who runs a pipeline. Plain data: it goes to disks and other hosts. */
export interface Owner {
  readonly host: string;
  /** Of a start of a process: random, so that a process id that is used again is somebody else. */
  readonly process: string;
  /** Id of the thread in its process. */
  readonly thread: number;
}

/** A run, and which of its starts this is. */
export interface RunIdentity {
  /** Random; the same over all its starts. */
  readonly id: string;
  /** Grows with each start of it. */
  readonly epoch: number;
  readonly owner: Owner;
}

/** What a spec was, option by option: paths such as `source.path`, and digests of what stood there. */
export type SpecFingerprint = Readonly<Record<string, string>>;

/**
 * A consistent cut between two batches, as plain data: everything before it is durable, nothing after
 * it is in it.
 */
export interface Checkpoint {
  readonly version: typeof CHECKPOINT_VERSION;
  readonly job: string;
  readonly run: RunIdentity;
  /** Ms since 1970, by the wall clock: for people. */
  readonly takenAtMs: number;
  readonly spec: SpecFingerprint;
  /** By stage: `source`, `intake` (of a live source), `operators[0]`, `sink`; and `deadLetters`. */
  readonly states: Readonly<Record<string, PlainData>>;
  readonly counters: RunCounters;
  readonly dictionaries: Readonly<Record<string, readonly string[]>>;
  /** All rows are with the sink, and the stream has ended. */
  readonly ended?: {
    readonly how: 'completed' | 'drained';
    /** `false`: the sink is still to make the last of them visible. */
    readonly isPublished: boolean;
  };
}

/**
 * Checks the form of a checkpoint; the states are for the stages to check.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` with what was expected and found.
 */
export function readCheckpoint(data: unknown): Checkpoint {
  const fields = fieldsOf(data, 'the checkpoint');
  const { version, job, run, takenAtMs, spec, states, counters, dictionaries, ended } = fields;
  if (version !== CHECKPOINT_VERSION) {
    throw invalid('version', `${CHECKPOINT_VERSION}, which this release reads`, version);
  }
  if (typeof job !== 'string') throw invalid('job', 'the name of a job', job);
  const { id, epoch, owner } = fieldsOf(run, 'run');
  if (typeof id !== 'string' || id === '') throw invalid('run.id', 'a text', id);
  if (!isCount(epoch)) throw invalid('run.epoch', 'a whole number', epoch);
  readOwner(owner, 'run.owner');
  if (typeof takenAtMs !== 'number') throw invalid('takenAtMs', 'a number of milliseconds', takenAtMs);
  for (const [path, digest] of Object.entries(fieldsOf(spec, 'spec'))) {
    if (typeof digest !== 'string') throw invalid(`spec.${path}`, 'a text', digest);
  }
  const stages = fieldsOf(states, 'states');
  for (const stage of ['source', 'sink']) {
    if (!Object.hasOwn(stages, stage)) throw invalid(`states.${stage}`, 'a state', undefined);
  }
  const counts = fieldsOf(counters, 'counters');
  for (const name of RUN_COUNTERS) {
    if (!Number.isSafeInteger(counts[name]))
      throw invalid(`counters.${name}`, 'a whole number', counts[name]);
  }
  for (const [name, strings] of Object.entries(fieldsOf(dictionaries, 'dictionaries'))) {
    if (!Array.isArray(strings) || !strings.every((string) => typeof string === 'string')) {
      throw invalid(`dictionaries.${name}`, 'a list of texts', strings);
    }
  }
  if (ended !== undefined) {
    const { how, isPublished } = fieldsOf(ended, 'ended');
    if (how !== 'completed' && how !== 'drained') throw invalid('ended.how', '"completed" or "drained"', how);
    if (typeof isPublished !== 'boolean') throw invalid('ended.isPublished', 'true or false', isPublished);
  }
  return data as Checkpoint; // all its fields were looked at
}

/** @throws {PipelineError} `CHECKPOINT_INVALID`. */
export function readOwner(data: unknown, path: string): Owner {
  const { host, process, thread } = fieldsOf(data, path);
  if (typeof host !== 'string') throw invalid(`${path}.host`, 'a text', host);
  if (typeof process !== 'string') throw invalid(`${path}.process`, 'a text', process);
  if (!isCount(thread)) throw invalid(`${path}.thread`, 'a whole number', thread);
  return data as Owner;
}

export const isSameOwner = (a: Owner, b: Owner): boolean =>
  a.host === b.host && a.process === b.process && a.thread === b.thread;

/** For messages. */
export const ownerText = ({ host, process, thread }: Owner): string =>
  `host ${host}, process ${process}, thread ${thread}`;

function fieldsOf(data: unknown, path: string): Record<string, unknown> {
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) {
    return data as Record<string, unknown>;
  }
  throw invalid(path, 'an object', data);
}

/** Only numbers are told: a text may be anything. */
function invalid(path: string, expected: string, found: unknown): PipelineError {
  const kind = found === null ? 'null' : Array.isArray(found) ? 'a list' : `a value of type ${typeof found}`;
  const was = found === undefined ? 'nothing' : typeof found === 'number' ? String(found) : kind;
  return new PipelineError('CHECKPOINT_INVALID', `Checkpoint: ${path}: expected ${expected}, found ${was}`);
}
