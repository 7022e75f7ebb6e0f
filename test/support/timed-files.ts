import { gzipSync } from 'node:zlib';
import type { RowSpot } from '../../src/columns/row-origin.js';
import type { PlainData } from '../../src/core/plain-data.js';
import type { StageContext } from '../../src/engine/stage.js';
import { openReplay, type ReplayInput } from './replayed.js';

/** A row at some ms, known by its number. */
export interface TimedRow {
  readonly ms: number;
  readonly id: number;
}

/** Rows of files as `TimedRow`s write them. */
export const TIMED_ROWS: Pick<ReplayInput, 'kind' | 'columns'> = {
  kind: 'trade',
  columns: { time: { from: 'time', unit: 'ms', anyInstant: true }, symbol: { fromFile: true }, price: 'id' },
};

/** A file of such rows: one a line, the first on line 2. */
export const timedCsv = (rows: readonly TimedRow[]): string =>
  `time,id\n${rows.map(({ ms, id }) => `${ms},${id}\n`).join('')}`;

export const timedGzip = (rows: readonly TimedRow[]): Buffer => gzipSync(timedCsv(rows), { level: 1 });

/** The rows of files in the order in which a replay in time gives them: by time, file, line. */
export const inTime = (files: readonly (readonly TimedRow[])[]): number[] =>
  files
    .flatMap((rows, file) => rows.map(({ ms, id }, line) => ({ ms, id, file, line })))
    .sort((a, b) => a.ms - b.ms || a.file - b.file || a.line - b.line)
    .map(({ id }) => id);

/** A row as it came: its number, and where it says that it was read. */
export interface ReadRow {
  readonly id: number;
  readonly ms: number;
  readonly spot: RowSpot;
}

export interface PartlyRead {
  readonly rows: ReadRow[];
  readonly position: PlainData;
  readonly rejects: { readonly file: string; readonly line: number }[];
  readonly rowsRejected: number;
  readonly bytesIn: number;
  readonly hasEnded: boolean;
  readonly statistics: Record<string, number>;
}

/** Reads some batches, all without a number, and closes; the position as it comes back from a store. */
export async function readTimed(
  input: ReplayInput,
  {
    batches = Number.POSITIVE_INFINITY,
    ...overrides
  }: Partial<StageContext> & { resumeAt?: PlainData; batches?: number } = {},
): Promise<PartlyRead> {
  const { source, rejects } = await openReplay(input, overrides);
  const rows: ReadRow[] = [];
  let hasEnded = false;
  try {
    for (let i = 0; i < batches; i++) {
      const batch = await source.read();
      hasEnded = batch === null;
      if (!batch) break;
      const prices = batch.float64('price');
      const times = batch.int32('time');
      for (let row = 0; row < batch.length; row++) {
        const ns = (BigInt(times[2 * row + 1]!) << 32n) | BigInt(times[2 * row]! >>> 0);
        rows.push({ id: prices[row]!, ms: Number(ns / 1_000_000n), spot: batch.origin!.at(row) });
      }
      batch.release();
    }
    return {
      rows,
      hasEnded,
      position: JSON.parse(JSON.stringify(source.position())),
      rejects: rejects.rows.map(({ file, line }) => ({ file, line })),
      rowsRejected: source.rowsRejected!,
      bytesIn: source.bytesIn!,
      statistics: source.statistics!() as Record<string, number>,
    };
  } finally {
    await source.close?.();
  }
}

/** Numbers of rows. */
export const idsOf = (rows: readonly ReadRow[]): number[] => rows.map(({ id }) => id);
