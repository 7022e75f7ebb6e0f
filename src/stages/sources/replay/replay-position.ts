import { PipelineError } from '../../../core/errors.js';
import { isCount, type PlainData } from '../../../core/plain-data.js';
import type { RowPosition } from '../../../formats/file-decoder.js';

/** Position of the next row in a file that is read forward. */
export interface ForwardPosition extends RowPosition {
  /** Rows after this position that were delivered already. */
  readonly skip: number;
  /** Bad rows were reported up to this line (exclusive). */
  readonly reported: number;
}

/** Position of the next row in a file that is read backwards. */
export interface BackwardPosition {
  /** Rows at the front of the file that are still to be delivered; `null` means all. */
  readonly left: number | null;
  /** Bad rows were reported from this line on. */
  readonly reported: number;
  /** Further ranges whose bad rows were reported, because a stop or a failure interrupted the reading. */
  readonly told?: readonly LineRange[] | undefined;
}

/** A range of lines; `end` is exclusive. */
export type LineRange = readonly [from: number, end: number];

export type PositionInFile = ForwardPosition | BackwardPosition;

export const isBackward = (position: PositionInFile): position is BackwardPosition => 'left' in position;

/** A position among files that are read one after the other. */
export interface ListedPosition {
  readonly order: 'listed';
  readonly file: number;
  /** Empty if there is no such file. */
  readonly path: string;
  /** `undefined` at the start of the file. */
  readonly position: ForwardPosition | undefined;
  /** Greatest time of all rows so far. */
  readonly latestNs: bigint | undefined;
}

/** A position among files that form one stream in time: the open files, and how many were begun. */
export interface TimePosition {
  readonly order: 'time';
  /** Files begun, in order of their first times: how many, a digest of their paths, and the last path. */
  readonly begun: number;
  readonly digest: string;
  readonly last: string;
  /** Greatest time of all rows so far. */
  readonly latestNs: bigint | undefined;
  readonly open: readonly OpenFile[];
}

export interface OpenFile {
  /** Index among the files begun, from 0. */
  readonly file: number;
  readonly path: string;
  readonly position: PositionInFile;
}

export type ReplayPosition = ListedPosition | TimePosition;

/** Writes a position as plain data; times are decimal texts. */
export function writePosition(replay: ReplayPosition): PlainData {
  const latest = replay.latestNs === undefined ? {} : { latestNs: String(replay.latestNs) };
  if (replay.order === 'listed') {
    const { file, path, position } = replay;
    return { file, path, ...(position ? writeInFile(position) : { offset: 0, line: 1 }), ...latest };
  }
  const { order, begun, digest, last, open } = replay;
  const opened = open.map(({ file, path, position }) => ({ file, path, ...writeInFile(position) }));
  return { order, begun, digest, last, ...latest, open: opened };
}

function writeInFile(position: PositionInFile): Record<string, PlainData> {
  if (isBackward(position)) {
    const { left, reported, told } = position;
    return { left, reported, ...(told && { told: told.map(([from, end]) => [from, end]) }) };
  }
  const { offset, line, skip, reported, previousNs } = position;
  const previous = previousNs === undefined ? {} : { previousNs: String(previousNs) };
  return { offset, line, skip, reported, ...previous };
}

/**
 * Reads the result of `writePosition`, or the older form from before `order` existed: `{file, path,
 * offset, line}`.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID`.
 */
export function readPosition(data: PlainData): ReplayPosition {
  const fields = asFields(data);
  const latestNs = asNanos(fields.latestNs);
  if (fields.order === 'time') {
    const { begun, digest, last, open } = fields;
    if (!isCount(begun) || typeof digest !== 'string' || typeof last !== 'string' || !Array.isArray(open)) {
      throw malformed();
    }
    return {
      order: 'time',
      begun,
      digest,
      last,
      latestNs,
      open: open.map((file) => readOpenFile(file, begun)),
    };
  }
  const { file, path } = fields;
  if (!isCount(file) || typeof path !== 'string') throw malformed();
  const position = readInFile(fields);
  if (isBackward(position)) throw malformed();
  return { order: 'listed', file, path, position: isAtFront(position) ? undefined : position, latestNs };
}

function readOpenFile(data: PlainData, begun: number): OpenFile {
  const fields = asFields(data);
  const { file, path } = fields;
  if (!isCount(file) || file >= begun || typeof path !== 'string') throw malformed();
  return { file, path, position: readInFile(fields) };
}

function readInFile({ offset, line, skip = 0, reported, left, told, previousNs }: Fields): PositionInFile {
  if (left !== undefined) {
    const areRanges = told === undefined || (Array.isArray(told) && told.every(isRange));
    if ((left !== null && !isCount(left)) || !isCount(reported) || !areRanges) throw malformed();
    return { left, reported, ...(told && { told: told as unknown as readonly LineRange[] }) };
  }
  if (!isCount(offset) || !isCount(line) || !isCount(skip)) throw malformed();
  if (reported !== undefined && !isCount(reported)) throw malformed();
  return { offset, line, skip, reported: reported ?? line, previousNs: asNanos(previousNs) };
}

const isAtFront = ({ offset, line, skip, reported }: ForwardPosition): boolean =>
  offset === 0 && skip === 0 && reported <= line;

type Fields = Partial<Record<string, PlainData>>;

const asFields = (data: PlainData): Fields =>
  typeof data === 'object' && data !== null && !Array.isArray(data) ? (data as Fields) : {};

const isRange = (value: PlainData): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(isCount);

function asNanos(value: PlainData | undefined): bigint | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || !/^-?\d{1,20}$/.test(value)) throw malformed();
  return BigInt(value);
}

const malformed = (): PipelineError =>
  new PipelineError(
    'CHECKPOINT_INVALID',
    'expected a position of the replay source: {file, path, offset, line}, or {order: "time", begun, digest, last, open}',
  );
