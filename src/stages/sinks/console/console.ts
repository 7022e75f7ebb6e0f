import type { Batch } from '../../../columns/batch.js';
import { readInt64 } from '../../../columns/int64.js';
import { formatIsoNanos } from '../../../columns/iso-nanos.js';
import { RowView } from '../../../columns/row-view.js';
import type { Column, Schema } from '../../../columns/schema.js';
import type { Clock } from '../../../core/clock.js';
import { cutText } from '../../../core/shown-text.js';
import type { SinkFactory } from '../../../engine/factories.js';
import type { Durable, Sink } from '../../../engine/sink.js';
import type { StageContext } from '../../../engine/stage.js';
import type { ConsoleSinkOptions } from './options.js';

/** The stream that tables are written to: `process.stdout` or similar. */
export interface TextStream {
  write(text: string, done: (error?: Error | null) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
  off(event: 'error', listener: () => void): unknown;
}

/**
 * How long a table waits for its reader. After one timeout, no later table waits; there are few enough to
 * buffer.
 */
const TAKEN_MS_MAX = 5_000;

/**
 * Prints rows as tables, one for each batch, up to a number of rows; then one line says how many more
 * there were. Numbers are right-aligned, missing values are blank, long texts are cut.
 */
export const consoleSink = {
  /** @param stream - For tests. */
  create(options: ConsoleSinkOptions, input: Schema, { clock }: StageContext, stream?: TextStream) {
    return new ConsoleSink(options.rows, input, clock, stream ?? process[options.to]);
  },
} satisfies SinkFactory<ConsoleSinkOptions>;

class ConsoleSink implements Sink {
  readonly capabilities = { delivery: 'append' } as const;
  readonly readsOnly = true;
  readonly #rowsMax: number;
  readonly #schema: Schema;
  readonly #clock: Clock;
  readonly #stream: TextStream;
  readonly #view: RowView;
  #rows = 0;
  #shown = 0;
  #bytes = 0;
  #saidMore = 0;
  #isRead = true;

  constructor(rowsMax: number, schema: Schema, clock: Clock, stream: TextStream) {
    this.#rowsMax = rowsMax;
    this.#schema = schema;
    this.#clock = clock;
    this.#stream = stream;
    this.#view = new RowView(schema);
  }

  /** What is printed is out. */
  get rowsDurable(): number {
    return this.#rows;
  }

  get bytesOut(): number {
    return this.#bytes;
  }

  open(): void {
    this.#stream.on('error', ignore);
  }

  close(): void {
    this.#stream.off('error', ignore);
  }

  async write(batch: Batch): Promise<void> {
    try {
      const rows = Math.min(batch.length, this.#rowsMax - this.#shown);
      this.#rows += batch.length;
      if (rows <= 0) return;
      this.#shown += rows;
      await this.#print(await this.#table(batch, rows));
    } finally {
      batch.release();
    }
  }

  async flush(): Promise<Durable> {
    const more = this.#rows - this.#shown;
    if (more > this.#saidMore) {
      this.#saidMore = more;
      await this.#print(`… and ${more} more ${more === 1 ? 'row' : 'rows'}\n`);
    }
    return { rows: this.#rows, position: null };
  }

  async #table(batch: Batch, rows: number): Promise<string> {
    const { default: Table } = await import('cli-table3');
    const { columns } = this.#schema;
    const table = new Table({
      head: columns.map(({ name }) => clean(name)),
      colAligns: columns.map(({ type }) => (isNumber(type) ? 'right' : 'left')),
      style: { head: [], border: [], compact: true },
    });
    const view = this.#view.over(batch);
    for (let row = 0; row < rows; row++) {
      const values = view.at(row);
      table.push(columns.map((column, i) => cell(column, values[column.name] ?? null, batch, i, row)));
    }
    return `${table.toString()}\n`;
  }

  /**
   * Writes to the stream. A reader that is gone (`| head`) must neither fail nor block a pipeline: the
   * output of a thread is then never consumed, and no error is raised.
   */
  #print(text: string): Promise<void> {
    this.#bytes += Buffer.byteLength(text);
    return new Promise((resolve) => {
      const timer = this.#isRead
        ? this.#clock.setTimeout(() => {
            this.#isRead = false;
            resolve();
          }, TAKEN_MS_MAX)
        : undefined;
      this.#stream.write(text, () => {
        this.#clock.clearTimeout(timer);
        resolve();
      });
      if (!this.#isRead) resolve();
    });
  }
}

/** An error event without a listener would end the process. */
const ignore = (): void => {};

const TEXT_MAX = 40;

const isNumber = (type: Column['type']): boolean =>
  type === 'float64' || type === 'int32' || type === 'int64';

function cell(column: Column, value: unknown, batch: Batch, index: number, row: number): string {
  if (column.type === 'timestamp') {
    return formatIsoNanos(readInt64(batch.columns[index] as Int32Array, row));
  }
  return value === null ? '' : clean(String(value));
}

/** Removes line breaks and control characters, so that a terminal obeys nothing in the data. */
function clean(text: string): string {
  return cutText(text.replace(/\p{Cc}/gu, '�'), TEXT_MAX);
}
