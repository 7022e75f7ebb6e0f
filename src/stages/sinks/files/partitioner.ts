import type { Batch } from '../../../columns/batch.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { gatherRows } from '../../../columns/gather-rows.js';
import { GrowingBatches } from '../../../columns/growing-batches.js';
import { readEpochMillis } from '../../../columns/int64.js';
import { type Column, columnIndex, type Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import { cutText } from '../../../core/shown-text.js';
import { coded } from '../../../outputs/parts/part-name.js';

/** Parts of the column `time` that rows can be partitioned by, in UTC. */
export const TIME_PARTS = ['year', 'month', 'day', 'hour'] as const;
export type TimePart = (typeof TIME_PARTS)[number];

/** Number of rows that are passed on at a time: at first, and at most. */
const ROWS_FIRST = 64;
const ROWS_MAX = 8_192;
/** How many distinct partitions are remembered. */
const KNOWN_MAX = 65_536;
const NAME_BYTES_MAX = 255;
/** The name that Hive, Spark, DuckDB and Arrow use for the partition of rows without a value. */
const NO_VALUE = '__HIVE_DEFAULT_PARTITION__';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** One of the values that rows are partitioned by: a code for each row, and the text that it stands for. */
interface Key {
  readonly name: string;
  /** Writes a code for each row; equal values have equal codes. */
  codes(batch: Batch, out: Int32Array): void;
  text(code: number): string | null;
}

/** Rows of one batch that belong to one partition. */
export interface PartitionRows {
  /** Folders of the partition: `symbol=BTC%2FUSD/day=2024-01-02`. */
  readonly folders: string;
  /** Without the columns that are in the folder names. The caller releases the batch. */
  readonly rows: Batch;
}

/** The columns that remain in the files. */
export function partitionedSchema(input: Schema, by: readonly string[]): Schema {
  return { ...input, columns: input.columns.filter(({ name }) => !by.includes(name)) };
}

/**
 * Splits batches by partition and keeps the order of rows. Folders are named as in Hive. Everything but
 * letters, digits, `_`, `.` and `-` is percent-encoded, so that no value can lead to another directory.
 */
export class Partitioner {
  readonly #keys: readonly Key[];
  readonly #columns: readonly number[];
  readonly #batches: GrowingBatches;
  /**
   * One map for each key: from the number of the previous level and a row's code to a number. The number
   * of the last level is the partition.
   */
  #levels: Map<number, number>[];
  /** Folders of each partition. */
  #folders: string[] = [];
  /** Codes for each key and row. */
  readonly #codes: Int32Array[];
  /** Partition of each row. */
  #partitions = new Int32Array(0);
  #order = new Int32Array(0);
  /** For each partition: its index among those of the current batch, or −1. */
  #placeOf = new Int32Array(0);

  constructor(input: Schema, by: readonly string[], dictionaries: DictionarySet) {
    this.#keys = by.map((name) => keyOf(input, name, dictionaries));
    this.#codes = by.map(() => new Int32Array(0));
    this.#levels = by.map(() => new Map());
    const schema = partitionedSchema(input, by);
    this.#columns = schema.columns.map(({ name }) => columnIndex(input, name));
    this.#batches = new GrowingBatches(schema, dictionaries, ROWS_FIRST, ROWS_MAX);
  }

  /**
   * Splits a batch. Partitions come in the order of their first rows.
   *
   * @throws {PipelineError} `SINK_FAILED` for a value that cannot name a folder.
   */
  *split(batch: Batch): Generator<PartitionRows> {
    const { length } = batch;
    if (length === 0) return;
    if (this.#folders.length > KNOWN_MAX) this.#forget();
    this.#reserve(length);
    this.#keys.forEach((key, i) => {
      key.codes(batch, this.#codes[i]!);
    });
    this.#findPartitions(length);
    const { found, ends } = this.#sortByPartition(length);
    for (let place = 0; place < found.length; place++) {
      const end = ends[place]!;
      for (let from = ends[place - 1] ?? 0; from < end; from += ROWS_MAX) {
        const order = this.#order.subarray(from, Math.min(end, from + ROWS_MAX));
        const rows = this.#batches.acquire(order.length);
        gatherRows(batch, order, order.length, rows, this.#columns);
        yield { folders: this.#folders[found[place]!]!, rows };
      }
    }
  }

  #findPartitions(length: number): void {
    const partitions = this.#partitions;
    for (let row = 0; row < length; row++) {
      partitions[row] =
        row > 0 && this.#isAlike(row - 1, row) ? partitions[row - 1]! : this.#partitionOf(row);
    }
  }

  #isAlike(a: number, b: number): boolean {
    for (let i = 0; i < this.#codes.length; i++) {
      const codes = this.#codes[i]!;
      if (codes[a] !== codes[b]) return false;
    }
    return true;
  }

  #partitionOf(row: number): number {
    let number = 0;
    for (let i = 0; i < this.#levels.length; i++) {
      const level = this.#levels[i]!;
      // Codes have 32 bits, and there are fewer than 2²⁰ numbers, so the key is exact in a double.
      const key = number * TWO_32 + (this.#codes[i]![row]! >>> 0);
      let next = level.get(key);
      if (next === undefined) {
        const isLast = i === this.#levels.length - 1;
        next = isLast ? this.#folders.push(this.#foldersOf(row)) - 1 : level.size;
        level.set(key, next);
      }
      number = next;
    }
    return number;
  }

  #foldersOf(row: number): string {
    return this.#keys.map((key, i) => folderName(key.name, key.text(this.#codes[i]![row]!))).join('/');
  }

  /** Puts the rows of each partition next to each other, in their order. */
  #sortByPartition(length: number): { readonly found: readonly number[]; readonly ends: readonly number[] } {
    if (this.#placeOf.length < this.#folders.length) {
      this.#placeOf = new Int32Array(2 * this.#folders.length).fill(-1);
    }
    const placeOf = this.#placeOf;
    const partitions = this.#partitions;
    const found: number[] = [];
    const counts: number[] = [];
    for (let row = 0; row < length; row++) {
      const partition = partitions[row]!;
      let place = placeOf[partition]!;
      if (place < 0) {
        place = placeOf[partition] = found.push(partition) - 1;
        counts.push(0);
      }
      counts[place]!++;
    }
    let end = 0;
    const next = counts.map((count) => {
      end += count;
      return end - count;
    });
    for (let row = 0; row < length; row++) this.#order[next[placeOf[partitions[row]!]!]!++] = row;
    for (const partition of found) placeOf[partition] = -1;
    return { found, ends: next };
  }

  #reserve(length: number): void {
    if (this.#order.length >= length) return;
    this.#order = new Int32Array(length);
    this.#partitions = new Int32Array(length);
    for (let i = 0; i < this.#codes.length; i++) this.#codes[i] = new Int32Array(length);
  }

  /** Drops remembered partitions, since days and symbols come and go. */
  #forget(): void {
    this.#levels = this.#levels.map(() => new Map());
    this.#folders = [];
  }
}

const TWO_32 = 4_294_967_296;

/** Problems with a list of columns to partition by. */
export function partitionProblems(input: Schema, by: readonly string[]): string[] {
  const problems: string[] = [];
  for (const [i, name] of by.entries()) {
    const column = input.columns.find((found) => found.name === name);
    if (by.indexOf(name) < i) problems.push(`expected "${name}" once, found it twice`);
    if (/^[._]/.test(name)) {
      problems.push(
        `expected columns whose folders every reader scans, found "${name}": pandas and pyarrow skip those ` +
          'that begin with "." or "_"; rename it before the sink',
      );
    }
    if (column && !isKeyType(column)) {
      problems.push(
        `expected columns of type string, enum, int32 or boolean, found "${name}" of type ${column.type}` +
          `${column.type === 'timestamp' ? `; by time, use ${TIME_PARTS.join(', ')}` : ''}`,
      );
    }
    if (column) continue;
    const names = input.columns.filter(isKeyType).map((found) => found.name);
    if (!isTimePart(name)) {
      problems.push(`expected one of ${[...names, ...TIME_PARTS].join(', ')}, found "${name}"`);
    } else if (!input.columns.some((found) => found.name === 'time' && found.type === 'timestamp')) {
      problems.push(`expected rows with a timestamp column "time" to partition by "${name}", found none`);
    }
  }
  const isAllKeys = input.columns.every(({ name }) => by.includes(name));
  if (isAllKeys) problems.push('expected at least one column to remain for the files, found none');
  return problems;
}

const isTimePart = (name: string): name is TimePart => (TIME_PARTS as readonly string[]).includes(name);

const isKeyType = ({ type }: Column): boolean =>
  type === 'string' || type === 'enum' || type === 'int32' || type === 'boolean';

function keyOf(input: Schema, name: string, dictionaries: DictionarySet): Key {
  const index = input.columns.findIndex((column) => column.name === name);
  if (index < 0) return timeKey(columnIndex(input, 'time'), name as TimePart);
  const column = input.columns[index]!;
  const codes = (batch: Batch, out: Int32Array) => {
    const data = batch.columns[index]!;
    for (let row = 0; row < batch.length; row++) out[row] = data[row]!;
  };
  switch (column.type) {
    case 'string': {
      const dictionary = dictionaries.get(column.dictionary ?? column.name);
      return { name, codes, text: (id) => dictionary.at(id) };
    }
    case 'enum':
      return { name, codes, text: (code) => column.values?.[code] ?? null };
    case 'boolean':
      return { name, codes, text: (code) => (code === 0 ? 'false' : 'true') };
    default:
      return { name, codes, text: String };
  }
}

/** A key by hours or days since 1970 UTC. */
function timeKey(index: number, part: TimePart): Key {
  const unitMs = part === 'hour' ? HOUR_MS : DAY_MS;
  const iso = (code: number) => new Date(code * unitMs).toISOString();
  const textLength = { year: 4, month: 7, day: 10, hour: 13 }[part];
  const months = (code: number) => {
    const date = new Date(code * DAY_MS);
    return date.getUTCFullYear() * 12 + (part === 'month' ? date.getUTCMonth() : 0);
  };
  const isCalendar = part === 'year' || part === 'month';
  return {
    name: part,
    codes(batch, out) {
      const words = batch.columns[index] as Int32Array;
      let last = Number.NaN;
      let code = 0;
      for (let row = 0; row < batch.length; row++) {
        const unit = Math.floor(readEpochMillis(words, row) / unitMs);
        if (unit !== last) code = isCalendar ? months(unit) : unit;
        last = unit;
        out[row] = code;
      }
    },
    text: (code) =>
      isCalendar
        ? new Date(Date.UTC(Math.floor(code / 12), code % 12)).toISOString().slice(0, textLength)
        : iso(code).slice(0, textLength),
  };
}

function folderName(name: string, value: string | null): string {
  const folder = `${coded(name)}=${value === null ? NO_VALUE : coded(value)}`;
  if (folder.length <= NAME_BYTES_MAX) return folder;
  throw new PipelineError(
    'SINK_FAILED',
    `partitionBy: expected values of "${name}" that name a folder of at most ${NAME_BYTES_MAX} bytes, found ` +
      `one of ${folder.length}: ${cutText(folder, 60)}; leave it out of "partitionBy", or shorten it before the sink`,
  );
}
