import { createHash } from 'node:crypto';
import { PipelineError } from '../core/errors.js';
import { describeValue } from '../core/shown-text.js';
import {
  type Checkpoint,
  NewerCheckpointError,
  OF_NEWER_RELEASE,
  readCheckpoint,
} from '../wire/checkpoint.js';
import { readPlainData, writePlainData } from './plain-data-text.js';
import { readStringsMark, type StringsMark } from './string-log.js';

/** Bytes that a checkpoint takes at most, written down. A state beyond it belongs into a file of its own. */
export const CHECKPOINT_BYTES_MAX = 64 * 1_048_576;

/** The first line: the format, its version, the length of the body in bytes, and the SHA-256 of the body. */
const HEADER = /^tickloom-checkpoint (\d{1,9}) (\d{1,15}) ([0-9a-f]{64})$/;
const FORM_WHOLE = 1;
/** In this form, the body also has `strings`: how much of a log of strings counts. */
const FORM_WITH_LOG = 2;
const HEADER_BYTES_MAX = 200;

/** A decoded checkpoint, some of whose strings may be in a log. */
export interface StoredCheckpoint {
  readonly strings: StringsMark | undefined;
  /**
   * Adds the strings from the log, and checks the checkpoint.
   * @param logged - The strings in the log, by dictionary.
   * @throws {PipelineError} `CHECKPOINT_INVALID` if it is not a checkpoint.
   */
  complete(logged?: ReadonlyMap<string, readonly string[]>): Checkpoint;
}

/**
 * Encodes a checkpoint: a header line, then JSON in UTF-8. Values that JSON cannot represent, such as
 * `NaN`, are escaped and decode exactly.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` if it is not a checkpoint, with the path of a value that
 *   cannot be kept, or if it exceeds `CHECKPOINT_BYTES_MAX`.
 */
export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  readCheckpoint(checkpoint);
  return encoded(FORM_WHOLE, checkpoint, checkpoint);
}

/** Encodes a checkpoint with a log. @param checkpoint - Without the strings that are in the log. */
export function encodeWithLog(checkpoint: Checkpoint, strings: StringsMark): Buffer {
  return encoded(FORM_WITH_LOG, checkpoint, { strings, ...checkpoint });
}

function encoded(form: number, checkpoint: Checkpoint, data: unknown): Buffer {
  const body = Buffer.from(writePlainData(data, 'checkpoint'));
  if (body.length > CHECKPOINT_BYTES_MAX) throw tooLarge(checkpoint, body.length);
  const header = `tickloom-checkpoint ${form} ${body.length} ${digestOf(body)}\n`;
  return Buffer.concat([Buffer.from(header, 'latin1'), body]);
}

/**
 * A checkpoint from the bytes that `encodeCheckpoint` made.
 *
 * @param name - How the bytes are called in an error: a file's path.
 * @throws {PipelineError} `CHECKPOINT_INVALID` for bytes that were cut, changed, or are something else.
 */
export function decodeCheckpoint(bytes: Uint8Array, name: string): Checkpoint {
  const { strings, complete } = readStored(bytes, name);
  if (!strings) return complete();
  const found = 'one with a log of strings beside it, which "FileCheckpointStore" loads';
  throw invalid(name, 'a checkpoint that is all here', found);
}

/**
 * As `decodeCheckpoint`, also for one whose strings are in a log.
 *
 * @param offset - Where it begins. Past 0, the bytes are those of a log, which may go on behind it.
 */
export function readStored(all: Uint8Array, name: string, offset = 0): StoredCheckpoint {
  if (!(all instanceof Uint8Array)) throw invalid(name, 'bytes', describeValue(all));
  const bytes = all.subarray(offset);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = buffer.subarray(0, HEADER_BYTES_MAX).indexOf('\n');
  const header = end < 0 ? null : HEADER.exec(buffer.toString('latin1', 0, end));
  if (!header) throw invalid(name, 'a first line "tickloom-checkpoint <form> <bytes> <sha256>"', 'none');
  const [, form, length, digest] = header;
  const known = `form ${FORM_WHOLE} or ${FORM_WITH_LOG}, which this release reads`;
  if (Number(form) > FORM_WITH_LOG) {
    throw new NewerCheckpointError(`${name}: expected ${known}, found form ${form}, ${OF_NEWER_RELEASE}`);
  }
  if (Number(form) < FORM_WHOLE) throw invalid(name, known, `form ${form}`);
  const body = buffer.subarray(end + 1, offset > 0 ? end + 1 + Number(length) : undefined);
  if (body.length !== Number(length)) {
    throw invalid(name, `${length} bytes behind the first line`, `${body.length}`);
  }
  if (digestOf(body) !== digest) throw invalid(name, 'bytes of the SHA-256 that it names', 'others');
  let data: unknown;
  try {
    data = readPlainData(body.toString('utf8'));
  } catch (error) {
    throw invalid(name, 'JSON', error instanceof Error ? error.message : String(error));
  }
  if (Number(form) === FORM_WHOLE) return { strings: undefined, complete: () => readNamed(data, name) };
  const { strings, ...checkpoint } = (data ?? {}) as Record<string, unknown>;
  return {
    strings: readStringsMark(strings, name),
    complete: (logged = new Map()) => {
      const rest = readNamed(checkpoint, name);
      return readNamed({ ...rest, dictionaries: joined(logged, rest.dictionaries) }, name);
    },
  };
}

/** Names the file in what is wrong with its content. */
function readNamed(data: unknown, name: string): Checkpoint {
  try {
    return readCheckpoint(data);
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    const message = `${name}: ${error.message}`;
    throw error instanceof NewerCheckpointError
      ? new NewerCheckpointError(message)
      : new PipelineError(error.code, message);
  }
}

function joined(logged: ReadonlyMap<string, readonly string[]>, rest: Checkpoint['dictionaries']): unknown {
  return Object.fromEntries(
    Object.entries(rest).map(([name, strings]) => [name, [...(logged.get(name) ?? []), ...strings]]),
  );
}

const digestOf = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex');

function tooLarge({ states, dictionaries }: Checkpoint, bytes: number): PipelineError {
  const parts = Object.entries({ ...states, dictionaries }).map(
    ([name, part]) => [name, writePlainData(part, name).length] as const,
  );
  const [name, most] = parts.reduce((largest, part) => (part[1] > largest[1] ? part : largest));
  return new PipelineError(
    'CHECKPOINT_INVALID',
    `Expected a checkpoint of at most ${CHECKPOINT_BYTES_MAX} bytes, found ${bytes}, ${most} of them of "${name}"`,
  );
}

const invalid = (name: string, expected: string, found: string): PipelineError =>
  new PipelineError('CHECKPOINT_INVALID', `${name}: expected ${expected}, found ${found}`);
