import { createHash } from 'node:crypto';
import { PipelineError } from '../core/errors.js';
import { type Checkpoint, readCheckpoint } from '../wire/checkpoint.js';
import { keyProblem } from './checkpoint-store.js';
import { readPlainData, writePlainData } from './plain-data-text.js';

/** A checkpoint in a file of its own, with all its strings. */
export interface ExportedCheckpoint {
  /** That it was kept under. */
  readonly key: string;
  readonly checkpoint: Checkpoint;
}

/** Bytes of an exported checkpoint: as many as a checkpoint and its log of strings may have. */
export const EXPORT_BYTES_MAX = 320 * 1_048_576;

const VERSION = 1;
/** The first line: what it is, its version, the length of the rest in bytes, and its SHA-256. */
const HEADER = /^tickloom-exported-checkpoint (\d{1,9}) (\d{1,15}) ([0-9a-f]{64})$/;
const HEADER_BYTES_MAX = 200;

/**
 * Encodes a checkpoint for a file that another store can be given: a header line, then JSON in UTF-8.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` if it would exceed `EXPORT_BYTES_MAX`.
 */
export function encodeExport({ key, checkpoint }: ExportedCheckpoint): Buffer {
  const body = Buffer.from(`${writePlainData({ key, checkpoint }, 'checkpoint')}\n`);
  if (body.length > EXPORT_BYTES_MAX) {
    throw invalid(
      `the checkpoint of "${key}"`,
      `at most ${EXPORT_BYTES_MAX} bytes to export`,
      `${body.length}`,
    );
  }
  const header = `tickloom-exported-checkpoint ${VERSION} ${body.length} ${digestOf(body)}\n`;
  return Buffer.concat([Buffer.from(header, 'latin1'), body]);
}

/**
 * The checkpoint that `encodeExport` encoded.
 *
 * @param name - What the bytes are called in an error: the path of a file.
 * @throws {PipelineError} `CHECKPOINT_INVALID` for bytes that were cut or changed, are of a newer version, or are
 *   something else.
 */
export function decodeExport(bytes: Buffer, name: string): ExportedCheckpoint {
  const end = bytes.subarray(0, HEADER_BYTES_MAX).indexOf('\n');
  const header = end < 0 ? null : HEADER.exec(bytes.toString('latin1', 0, end));
  if (!header) throw invalid(name, 'a checkpoint from "tickloom checkpoints export"', 'something else');
  const [, version, length, digest] = header;
  if (Number(version) !== VERSION) {
    throw invalid(name, `version ${VERSION}, which this release reads`, `version ${version}`);
  }
  const body = bytes.subarray(end + 1);
  if (body.length !== Number(length)) {
    throw invalid(name, `${length} bytes behind the first line`, `${body.length}: was the file cut?`);
  }
  if (digestOf(body) !== digest) {
    throw invalid(name, 'bytes of the SHA-256 that it names', 'others: was the file changed?');
  }
  const { key, checkpoint } = (parsed(body, name) ?? {}) as Partial<ExportedCheckpoint>;
  const problem = keyProblem(key);
  if (problem !== undefined) throw new PipelineError('CHECKPOINT_INVALID', `${name}: key: ${problem}`);
  return { key: key!, checkpoint: readCheckpoint(checkpoint) }; // a text, as was checked
}

function parsed(body: Buffer, name: string): unknown {
  try {
    return readPlainData(body.toString('utf8'));
  } catch (error) {
    throw invalid(name, 'JSON', error instanceof Error ? error.message : String(error));
  }
}

const digestOf = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex');

const invalid = (name: string, expected: string, found: string): PipelineError =>
  new PipelineError('CHECKPOINT_INVALID', `${name}: expected ${expected}, found ${found}`);
