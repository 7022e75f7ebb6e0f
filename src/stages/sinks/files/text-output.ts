import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import type { Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import { outputFailed } from '../../../core/output-error.js';
import { cutText } from '../../../core/shown-text.js';
import type { PlanProblems } from '../../../engine/factories.js';
import type { StageContext } from '../../../engine/stage.js';
import { Disk } from '../../../outputs/disk/disk.js';
import type { FileSystem } from '../../../outputs/disk/file-system.js';
import { RoomOnDisk } from '../../../outputs/disk/room-on-disk.js';
import type { IfExists, Output } from '../../../outputs/output.js';
import { PartDirectory } from '../../../outputs/parts/part-directory.js';
import { SingleFile } from '../../../outputs/single-file/single-file.js';
import type { OpenFilesLimits } from '../../../outputs/staging/open-files.js';

interface TextOutputOptions {
  readonly path: string;
  readonly compression?: 'none' | 'gzip' | undefined;
  readonly ifExists: IfExists;
  readonly partitionBy?: readonly string[] | undefined;
}

/** Whether a path names a single file of the format; otherwise it names a directory. */
export function namesSingleFile(path: string, extensions: readonly string[]): boolean {
  const name = path.toLowerCase().replace(/\.gz$/, '');
  return extensions.some((extension) => name.endsWith(`.${extension}`));
}

export function isGzip({ path, compression }: TextOutputOptions): boolean {
  return compression === undefined ? /\.gz$/i.test(path) : compression === 'gzip';
}

/** Reports a compression that contradicts the path. */
export function checkCompression(
  options: TextOutputOptions,
  isSingleFile: boolean,
  problems: PlanProblems,
): void {
  if (!isSingleFile || options.compression === undefined) return;
  const says = /\.gz$/i.test(options.path) ? 'gzip' : 'none';
  if (says !== options.compression) {
    problems.add(
      ['compression'],
      `expected "${says}", as the end of "path" says, found "${options.compression}"`,
    );
  }
}

/**
 * Opens the output of a text format: a single file or a directory of parts.
 *
 * @param header - First line of each file. An existing file that is appended to must start with it.
 * @param limits - For tests, like `fs`.
 */
export function textOutput(
  options: TextOutputOptions,
  extensions: readonly [string, ...string[]],
  header: Uint8Array,
  schema: Schema,
  context: StageContext,
  fs: FileSystem,
  limits?: OpenFilesLimits,
): Output {
  const { path, ifExists } = options;
  const { job, epoch, keyId } = context;
  const disk = new Disk(fs, context.log, new RoomOnDisk(context));
  const resuming = context.resuming === true;
  const checkpointed = context.checkpointed === true;
  if (namesSingleFile(path, extensions)) {
    const checkExisting = (existing: string) =>
      isGzip(options) ? checkGzip(existing, header) : checkText(fs, existing, header);
    return new SingleFile({
      disk,
      path,
      job,
      ifExists,
      checkExisting,
      resuming,
      epoch,
      keyId,
      checkpointed,
      limits,
    });
  }
  const extension = isGzip(options) ? `${extensions[0]}.gz` : extensions[0];
  return new PartDirectory({
    disk,
    directory: path,
    job,
    extension,
    ifExists,
    schema,
    partitionBy: options.partitionBy ?? [],
    resuming,
    epoch,
    keyId,
    checkpointed,
    limits,
  });
}

/**
 * Checks that rows can be appended to an existing file.
 *
 * @throws {PipelineError} `OUTPUT_EXISTS` if rows after the existing text would not be read as rows.
 */
async function checkText(fs: FileSystem, path: string, header: Uint8Array): Promise<void> {
  let start: Buffer;
  let last: Buffer;
  try {
    const file = await fs.open(path, 'r');
    try {
      const { size } = await file.stat();
      start = await readAt(file, 0, header.length);
      last = await readAt(file, size - 1, 1);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw outputFailed('read', path, error);
  }
  checkHeader(path, start, header);
  if (last.toString('latin1') === '\n') return;
  throw new PipelineError(
    'OUTPUT_EXISTS',
    `"${path}" cannot be added to: expected its last line to end in a line break, found ` +
      `${JSON.stringify(last.toString('latin1'))}; end the line, choose another path or set "ifExists: replace"`,
  );
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** Like `checkText`, but only checks the start of the text. */
async function checkGzip(path: string, header: Uint8Array): Promise<void> {
  let start = Buffer.alloc(0);
  const file = createReadStream(path);
  const text = file.pipe(createGunzip());
  file.on('error', (error) => text.destroy(error));
  try {
    for await (const chunk of text) {
      start = Buffer.concat([start, chunk as Buffer]);
      if (start.length >= header.length) break;
    }
  } catch (error) {
    throw outputFailed('read', path, error);
  } finally {
    file.destroy();
  }
  checkHeader(path, start, header);
}

function checkHeader(path: string, start: Buffer, header: Uint8Array): void {
  if (start.subarray(0, header.length).equals(header)) return;
  const show = (text: Buffer) => JSON.stringify(cutText(text.toString('utf8').split('\n')[0]!));
  throw new PipelineError(
    'OUTPUT_EXISTS',
    `"${path}" cannot be added to: expected the first line ${show(Buffer.from(header))}, ` +
      `found ${show(start)}; choose another path or set "ifExists: replace"`,
  );
}
