import { join } from 'node:path';
import type { ControlRecord } from '../../core/control-record.js';
import { PipelineError } from '../../core/errors.js';
import { formatIsoNanos } from '../../core/iso-nanos.js';
import { errnoCode, outputFailed } from '../../core/output-error.js';
import type { Column, Schema } from '../../core/schema.js';
import { type FileSystem, removeQuietly } from './file-system.js';
import { TemporaryFile } from './temporary-file.js';

export const MANIFEST_FILE = 'manifest.json';

/** What a directory of parts holds. Readers trust it: a file that is not listed does not count. */
export interface Manifest {
  readonly version: 1;
  /** The job that wrote last. */
  readonly job: string;
  /** Of the run that wrote last. Each run that opens the directory takes the next one. */
  readonly epoch: number;
  readonly columns: readonly Pick<Column, 'name' | 'type'>[];
  readonly parts: readonly Part[];
  /** Control records of the stream, each before row `row` of a part. */
  readonly controls: readonly ListedControl[];
  /** Control records past the limit, which are not listed. */
  readonly controlsOmitted?: number;
}

export interface Part {
  readonly file: string;
  /** Epoch in which the job began that this part belongs to; a resumed job keeps it. */
  readonly run: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly rows: number;
  readonly bytes: number;
  /** Earliest and latest event time in it, ISO 8601 with nanoseconds. */
  readonly firstTime?: string;
  readonly lastTime?: string;
}

export interface ListedControl {
  readonly run: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly row: number;
  /** Its fields as text; times in ISO 8601 with nanoseconds. */
  readonly record: Readonly<Record<string, string>>;
}

export function manifestColumns(schema: Schema): Manifest['columns'] {
  return schema.columns.map(({ name, type }) => ({ name, type }));
}

export function listControl(record: ControlRecord): ListedControl['record'] {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [
      key,
      typeof value === 'bigint' ? formatIsoNanos(value) : String(value),
    ]),
  );
}

/**
 * @returns `undefined` where there is none.
 * @throws {PipelineError} `OUTPUT_FAILED` when it is there and cannot be understood: to write on
 *   would be to lose what it lists.
 */
export async function readManifest(fs: FileSystem, directory: string): Promise<Manifest | undefined> {
  const path = join(directory, MANIFEST_FILE);
  let text: string;
  try {
    text = await fs.readFile(path, 'utf8');
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return undefined;
    throw outputFailed('read', path, error);
  }
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new PipelineError('OUTPUT_FAILED', `"${path}" is no manifest: expected JSON; move it away`, {
      cause: error,
    });
  }
  if (!isManifest(found)) {
    throw new PipelineError(
      'OUTPUT_FAILED',
      `"${path}" is no manifest of version 1 of a directory of parts; write elsewhere, or move it away`,
    );
  }
  return found;
}

/** Replaces the manifest as a whole. */
export async function writeManifest(fs: FileSystem, directory: string, manifest: Manifest): Promise<void> {
  const temporary = join(directory, `.${MANIFEST_FILE}.${manifest.job}-${digits(manifest.epoch, 5)}.tmp`);
  const file = await TemporaryFile.create(fs, temporary, join(directory, MANIFEST_FILE));
  try {
    await file.write(Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`));
    await file.publish();
  } catch (error) {
    await file.discard();
    await removeQuietly(fs, temporary);
    throw error;
  }
}

export const digits = (value: number, width: number): string => String(value).padStart(width, '0');

function isManifest(found: unknown): found is Manifest {
  const manifest = found as Partial<Manifest> | null;
  return (
    typeof manifest === 'object' &&
    manifest !== null &&
    manifest.version === 1 &&
    typeof manifest.job === 'string' &&
    Number.isInteger(manifest.epoch) &&
    Array.isArray(manifest.columns) &&
    Array.isArray(manifest.controls) &&
    Array.isArray(manifest.parts) &&
    // A name with a path in it could make us remove a file elsewhere.
    manifest.parts.every(
      (part) =>
        typeof part?.file === 'string' &&
        /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(part.file) &&
        Number.isInteger(part.epoch) &&
        Number.isInteger(part.sequence),
    )
  );
}
