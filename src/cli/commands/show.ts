import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip, gunzipSync } from 'node:zlib';
import { fileKind } from '../../core/file-kind.js';
import { cutText } from '../../core/shown-text.js';
import { Disk } from '../../outputs/disk/disk.js';
import { nodeFileSystem } from '../../outputs/disk/file-system.js';
import { listOutput } from '../../outputs/parts/partition-folders.js';
import { silentLogger } from '../../telemetry/logger.js';
import { DelimitedText } from '../delimited-text.js';
import { formatCount } from '../figures.js';
import { fittedTable } from '../fitted-table.js';
import { Instant } from '../instant.js';
import { plainText, type Terminal, TerminalError } from '../terminal.js';

export interface ShowOptions {
  readonly rows: number;
  readonly last?: boolean;
}

/** The part of a file that is shown. */
interface Excerpt {
  readonly columns: readonly { readonly name: string; readonly type?: string }[];
  readonly rows: readonly (readonly unknown[])[];
  /** Number of rows in the whole file, if known. */
  readonly rowsAll?: number;
}

const DATA_FILE = /\.(parquet|(csv|tsv|jsonl|ndjson)(\.gz)?)$/i;
/** The rest is only counted: a table takes a while to lay out. */
const COLUMNS_SHOWN_MAX = 200;
/** Both magic numbers and the length of the footer. */
const PARQUET_BYTES_MIN = 12;

class ShowError extends Error {
  override readonly name = 'ShowError';
}

/**
 * Prints the columns and some rows of files.
 *
 * @returns The exit code.
 */
export async function show(
  paths: readonly string[],
  options: ShowOptions,
  terminal: Terminal,
): Promise<number> {
  let exitCode = 0;
  for (const path of paths) {
    try {
      for (const file of await filesOf(path)) {
        await terminal.print(await format(file, await excerptOf(file, options), options, terminal));
      }
    } catch (error) {
      if (!(error instanceof Error) || error instanceof TerminalError) throw error;
      const reason = error instanceof ShowError ? error.message : explain(error);
      terminal.say(`${plainText(path, 300)}: ${plainText(reason)}\n`);
      exitCode = 1;
    }
  }
  return exitCode;
}

/**
 * The data files at a path: the file itself or, for a directory, the data files in it and in its
 * partition folders.
 */
async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path);
  if (found.isFile()) return [path];
  if (!found.isDirectory()) throw new ShowError(`expected a file or directory, found ${fileKind(found)}`);
  const listed = await listOutput(new Disk(nodeFileSystem, silentLogger), path);
  const names = listed.filter((name) => !/^[._]/.test(basename(name)) && DATA_FILE.test(name));
  if (names.length === 0) {
    throw new ShowError('expected a directory that a pipeline wrote, found no data files in it');
  }
  return names.sort().map((name) => join(path, name));
}

function excerptOf(file: string, options: ShowOptions): Promise<Excerpt> {
  if (/\.parquet$/i.test(file)) return parquetExcerpt(file, options);
  if (/\.(csv|tsv)(\.gz)?$/i.test(file)) return csvExcerpt(file, options);
  if (/\.(jsonl|ndjson)(\.gz)?$/i.test(file)) return jsonlExcerpt(file, options);
  throw new ShowError('expected a file that ends in .parquet, .csv, .jsonl or .ndjson (or these with .gz)');
}

async function parquetExcerpt(file: string, { rows, last }: ShowOptions): Promise<Excerpt> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import(
    'hyparquet'
  );
  const { DEFAULT_PARSERS } = await import('hyparquet/src/convert.js');
  const buffer = await asyncBufferFromFile(file);
  if (buffer.byteLength < PARQUET_BYTES_MIN) {
    throw new ShowError(`expected a Parquet file, found one of ${buffer.byteLength} bytes`);
  }
  const metadata = await parquetMetadataAsync(buffer);
  const columns = parquetSchema(metadata).children.map(({ element }) => ({
    name: element.name,
    type: parquetType(element),
  }));
  const rowsAll = Number(metadata.num_rows);
  const rowStart = last ? Math.max(0, rowsAll - rows) : 0;
  const found = await parquetReadObjects({
    file: buffer,
    metadata,
    rowStart,
    rowEnd: Math.min(rowsAll, rowStart + rows),
    compressors: { GZIP: (bytes) => gunzipSync(bytes), ...(await zstdCompressor()) },
    parsers: {
      ...DEFAULT_PARSERS,
      timestampFromMilliseconds: (ms) => new Instant(ms * 1_000_000n),
      timestampFromMicroseconds: (us) => new Instant(us * 1_000n),
      timestampFromNanoseconds: (ns) => new Instant(ns),
    },
  });
  return { columns, rows: found.map((row) => columns.map(({ name }) => row[name])), rowsAll };
}

interface ParquetElement {
  readonly type?: string;
  readonly converted_type?: string;
  readonly logical_type?: { readonly type: string; readonly unit?: string };
}

function parquetType({ type, converted_type, logical_type }: ParquetElement): string {
  if (logical_type?.unit) return `${logical_type.type} ${logical_type.unit}`.toLowerCase();
  return (logical_type?.type ?? converted_type ?? type ?? 'group').toLowerCase();
}

/** Node has zstd from 22.15 on. */
async function zstdCompressor() {
  const zlib = (await import('node:zlib')) as {
    readonly zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array;
  };
  const { zstdDecompressSync } = zlib;
  return zstdDecompressSync ? { ZSTD: (bytes: Uint8Array) => zstdDecompressSync(bytes) } : {};
}

async function csvExcerpt(file: string, options: ShowOptions): Promise<Excerpt> {
  const kept = new KeptRows<readonly string[]>(options);
  let header: readonly string[] | undefined;
  const text = new DelimitedText((row) => {
    if (header) kept.add(row);
    else header = row;
  });
  for await (const chunk of textOf(file)) {
    text.push(chunk);
    if (kept.isFull) break;
  }
  if (!kept.isFull) text.end();
  return { columns: (header ?? []).map((name) => ({ name })), rows: kept.rows };
}

async function jsonlExcerpt(file: string, options: ShowOptions): Promise<Excerpt> {
  const kept = new KeptRows<Record<string, unknown>>(options);
  let rest = '';
  let line = 0;
  const add = (text: string) => {
    line++;
    if (text.trim() !== '') kept.add(parseLine(text, line));
  };
  for await (const chunk of textOf(file)) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const text of lines) add(text);
    if (kept.isFull) break;
  }
  if (!kept.isFull) add(rest);
  const names = [...new Set(kept.rows.flatMap((row) => Object.keys(row)))];
  return {
    columns: names.map((name) => ({ name })),
    rows: kept.rows.map((row) => names.map((name) => (Object.hasOwn(row, name) ? row[name] : null))),
  };
}

function parseLine(text: string, line: number): Record<string, unknown> {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new ShowError(`line ${line}: expected JSON, found "${cutText(text)}"`);
  }
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : { value: found };
}

/** Keeps the first or the last of the rows added. */
class KeptRows<T> {
  readonly #options: ShowOptions;
  readonly rows: T[] = [];

  constructor(options: ShowOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return !this.#options.last && this.rows.length >= this.#options.rows;
  }

  add(row: T): void {
    if (this.isFull) return;
    this.rows.push(row);
    if (this.rows.length > this.#options.rows) this.rows.shift();
  }
}

async function* textOf(file: string): AsyncGenerator<string> {
  const bytes = createReadStream(file);
  const plain = /\.gz$/i.test(file) ? unzipped(bytes) : bytes;
  plain.setEncoding('utf8');
  try {
    for await (const chunk of plain) yield chunk as string;
  } finally {
    bytes.destroy();
  }
}

function unzipped(bytes: Readable): Readable {
  const unzip = createGunzip();
  bytes.on('error', (error) => unzip.destroy(error)); // a pipe does not pass on errors
  return bytes.pipe(unzip);
}

async function format(
  file: string,
  { columns, rows, rowsAll }: Excerpt,
  { last }: ShowOptions,
  { tableColumns: width }: Terminal,
): Promise<string> {
  const columnsShown = columns.slice(0, COLUMNS_SHOWN_MAX);
  const more = columns.length - columnsShown.length;
  const heads = columnsShown.map(({ name, type }, i) => ({
    head: cell(type === undefined ? name : `${name}\n${type}`),
    isRight: rows.some((row) => isNumeric(row[i])),
  }));
  const cells = rows.map((row) => columnsShown.map((_, i) => cell(row[i])));
  const which = `${last ? 'last' : 'first'} ${formatCount(rows.length)}`;
  const of = rowsAll === undefined ? '' : ` of ${formatCount(rowsAll)}`;
  const shown = `${which}${of} ${(rowsAll ?? rows.length) === 1 ? 'row' : 'rows'}`;
  const table = columns.length === 0 ? '' : await fittedTable(heads, cells, { width, keys: 0 });
  const rest = more === 0 ? '' : `… and ${formatCount(more)} more columns\n`;
  return `${plainText(file, 300)}: ${shown}\n${table}${rest}`;
}

const isNumeric = (value: unknown): boolean => typeof value === 'number' || typeof value === 'bigint';

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const isData = typeof value === 'object' && !(value instanceof Instant) && !(value instanceof Date);
  const text = isData
    ? JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part))
    : String(value);
  return plainText(text, 40);
}

function explain(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'expected a file or directory, found none of that name';
  return `cannot be read: ${error.message}`;
}
