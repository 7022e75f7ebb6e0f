import type { Batch } from '../../../columns/batch.js';
import { BatchPool } from '../../../columns/batch-pool.js';
import type { RowOrigin } from '../../../columns/row-origin.js';
import type { Schema } from '../../../columns/schema.js';
import { sleep } from '../../../core/clock.js';
import { isRetryable, PipelineError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import { Random } from '../../../core/random.js';
import { millis } from '../../../core/units.js';
import { connectToPostgres, type PostgresConnection } from '../../../databases/postgres/connect.js';
import type { PlanProblems, SourceFactory } from '../../../engine/factories.js';
import type { Source } from '../../../engine/source.js';
import type { StageContext } from '../../../engine/stage.js';
import type { RowRefusal } from '../../../formats/pg-copy/row-refusals.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import { Chunk } from './chunk.js';
import { isKeyText, microsOf } from './key-literal.js';
import type { PostgresSourceOptions } from './options.js';
import {
  chunkStatement,
  planRead,
  type ReadPlan,
  refuseMissing,
  schemaOf,
  shownRelation,
  TIME,
} from './read-plan.js';

/** Reads a table or a query in order of time, in chunks, each behind the last row of the one before. */
export const postgresSource: SourceFactory<PostgresSourceOptions> = {
  plan(options, problems) {
    checkTogether(options, problems);
    return schemaOf(options);
  },
  create: (options, context) => new PostgresSource(options, context),
};

const FIRST_WAIT_MS = 1_000;
const WAIT_MS_MAX = 30_000;

class PostgresSource implements Source {
  readonly schema: Schema;
  readonly capabilities = { delivery: 'replayable', bounded: true } as const;
  readonly order = { scope: 'all', maxDelayNs: 0 } as const;
  readonly gatesItsCalls = true;
  readonly #options: PostgresSourceOptions;
  readonly #context: StageContext;
  readonly #pool: BatchPool;
  readonly #random: Random;
  readonly #stop = new AbortController();
  #connection: PostgresConnection | undefined;
  #plan: ReadPlan | undefined;
  #chunk: Chunk | undefined;
  /** The key of the last row that was given. */
  #after: readonly string[] | undefined;
  /** Rows given or refused so far, and before this chunk. */
  #rows = 0;
  #rowsBefore = 0;
  #isEnded = false;
  /** Attempts since the last row. */
  #failures = 0;
  #trouble: string | undefined;
  #rowsRejected = 0;
  #bytesOfChunks = 0;
  #chunks = 0;
  #reconnects = 0;

  constructor(options: PostgresSourceOptions, context: StageContext) {
    this.schema = schemaOf(options);
    this.#options = options;
    this.#context = context;
    this.#pool = new BatchPool(this.schema, context.batchRows, context.dictionaries);
    this.#random = new Random(context.seed + codesOf(context.job));
  }

  get rowsRejected(): number {
    return this.#rowsRejected;
  }

  get bytesIn(): number {
    return this.#bytesOfChunks + (this.#chunk?.bytesIn ?? 0);
  }

  /** What cannot be mended by waiting fails here. For a server that does not answer, reading waits. */
  async open(): Promise<void> {
    try {
      await this.#connected();
    } catch (error) {
      this.#disconnect();
      if (!isRetryable(error)) throw error;
      this.#context.log.warn({ error }, 'the server cannot be reached yet');
    }
  }

  async read(): Promise<Batch | null> {
    while (!this.#stop.signal.aborted && !this.#isEnded) {
      const batch = this.#pool.acquire();
      let hasMore: boolean;
      try {
        this.#chunk ??= await this.#nextChunk();
        hasMore = await this.#chunk.fill(batch);
      } catch (error) {
        batch.release();
        this.#disconnect();
        if (this.#stop.signal.aborted) return null;
        await this.#waitAfter(error);
        continue;
      }
      try {
        await this.#account(batch, this.#chunk, hasMore);
      } catch (error) {
        batch.release();
        throw error;
      }
      if (batch.length > 0) return batch;
      batch.release();
    }
    return null;
  }

  stop(): void {
    this.#stop.abort();
    // What was read of the chunk and not given is read again, or is no longer wanted.
    this.#connection?.destroy();
  }

  position(): PlainData {
    return { after: this.#after ? [...this.#after] : null, rows: this.#rows };
  }

  resume(position: PlainData): void {
    const { after, rows } = (position ?? {}) as { after?: unknown; rows?: unknown };
    const { columns, key } = this.#options;
    const parts =
      1 + (columns.some(({ name, nanos }) => name === TIME && nanos !== undefined) ? 1 : 0) + key.length;
    const isKey =
      Array.isArray(after) && after.length === parts && after.every((text) => typeof text === 'string');
    if ((after !== null && !isKey) || !Number.isSafeInteger(rows)) failPosition(parts);
    this.#after = isKey ? after : undefined;
    this.#rows = rows as number;
    this.#checkAfter();
  }

  async close(): Promise<void> {
    if (this.#chunk) this.#disconnect();
    else await this.#connection?.end();
    this.#pool.close();
  }

  health(): ReturnType<NonNullable<Source['health']>> {
    return this.#trouble === undefined ? { status: 'ok' } : { status: 'degraded', reason: this.#trouble };
  }

  statistics(): StageStatistics {
    return { chunks: this.#chunks, reconnects: this.#reconnects, bytesHeld: this.#chunk?.bytesHeld ?? 0 };
  }

  async #connected(): Promise<PostgresConnection> {
    if (this.#connection?.lostBy !== undefined) this.#disconnect();
    if (this.#connection) return this.#connection;
    const call = (signal: AbortSignal) => connectToPostgres(this.#options.connection, signal);
    this.#connection = await this.#context.gate.call(call, { signal: this.#stop.signal });
    await this.#connection.query('BEGIN READ ONLY');
    const plan = await this.#planned(this.#connection);
    await refuseMissing(this.#connection, this.#options, plan);
    await this.#connection.query('COMMIT');
    return this.#connection;
  }

  /** Whoever has the types of a table in a transaction keeps others from changing them until its end. */
  async #planned(connection: PostgresConnection): Promise<ReadPlan> {
    this.#plan = await planRead(connection, this.#options);
    this.#checkAfter();
    return this.#plan;
  }

  async #nextChunk(): Promise<Chunk> {
    const connection = await this.#connected();
    await connection.query('BEGIN READ ONLY');
    const plan = await this.#planned(connection);
    this.#rowsBefore = this.#rows;
    this.#chunks++;
    return new Chunk(connection, plan, chunkStatement(this.#options, plan, this.#after));
  }

  /** Adds the bad rows to the letters, and moves the position behind the batch. */
  async #account(batch: Batch, chunk: Chunk, hasMore: boolean): Promise<void> {
    const refusals = chunk.takeRefusals();
    const first = this.#rows;
    if (refusals.length > 0) await this.#reject(refusals);
    this.#after = chunk.last ?? this.#after;
    this.#rows = this.#rowsBefore + chunk.rows;
    if (this.#rows > first) this.#failures = 0;
    this.#trouble = undefined;
    batch.origin = originOf(shownRelation(this.#options), first, refusals, this.#rowsBefore);
    if (hasMore) return;
    this.#isEnded = chunk.rows < this.#options.chunkRows;
    this.#bytesOfChunks += chunk.bytesIn;
    this.#chunk = undefined;
  }

  async #reject(refusals: readonly RowRefusal[]): Promise<void> {
    const { rejects } = this.#context;
    const file = shownRelation(this.#options);
    for (const { row, column, expected, found } of refusals) {
      rejects.add({ file, line: this.#rowsBefore + row + 1, field: column, expected, found });
      this.#rowsRejected++;
    }
    await rejects.flush();
  }

  /** Waits until a new attempt is due. @throws what cannot be mended by waiting, or has lasted too long. */
  async #waitAfter(error: unknown): Promise<void> {
    const { clock, knownWaits, log } = this.#context;
    if (!isRetryable(error) || this.#failures >= this.#options.reconnects) throw error;
    const boundMs = Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** this.#failures);
    const waitMs = millis(1 + this.#random.below(boundMs));
    this.#failures++;
    this.#reconnects++;
    this.#trouble = error instanceof Error ? error.message : String(error);
    log.warn({ error, waitMs, failures: this.#failures }, 'reading broke off, and is tried again');
    const wait = sleep(clock, waitMs, this.#stop.signal);
    await (knownWaits?.during(wait) ?? wait);
  }

  #disconnect(): void {
    this.#bytesOfChunks += this.#chunk?.bytesIn ?? 0;
    this.#chunk = undefined;
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  /** A position comes from a file: only values of the types of the key become a part of a statement. */
  #checkAfter(): void {
    const [after, plan] = [this.#after, this.#plan];
    if (after && plan && !plan.key.every(({ type }, i) => isKeyText(after[i], type)))
      failPosition(plan.key.length);
  }
}

function failPosition(parts: number): never {
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `Expected a position of a PostgreSQL source whose key has ${parts} columns of the same types, found another; were its options or the table changed?`,
  );
}

/** Where the rows of a batch are among all rows, of which some were refused. */
function originOf(
  file: string,
  first: number,
  refusals: readonly RowRefusal[],
  rowsBefore: number,
): RowOrigin {
  if (refusals.length === 0) return { at: (place) => ({ file, line: first + place + 1 }) };
  const refused = new Set(refusals.map(({ row }) => rowsBefore + row));
  return {
    at(place) {
      let row = first;
      for (let left = place; ; row++) {
        if (refused.has(row)) continue;
        if (left-- === 0) return { file, line: row + 1 };
      }
    },
  };
}

function checkTogether({ columns, key, from, to }: PostgresSourceOptions, problems: PlanProblems): void {
  const names = columns.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) problems.add(['columns'], `expected each column once, found "${twice}" twice`);
  const time = columns.find(({ name }) => name === TIME);
  if (time?.type !== 'timestamp') {
    problems.add(
      ['columns'],
      'expected a column "time" of type timestamp, by which rows are ordered; "from" says what it is called in the table',
    );
  }
  const ordered = time && [time.from ?? time.name, ...(time.nanos === undefined ? [] : [time.nanos])];
  const again = key.find((name, i) => ordered?.includes(name) || key.indexOf(name) < i);
  if (again !== undefined)
    problems.add(['key'], `expected columns besides the time, each once, found "${again}"`);
  if (from !== undefined && to !== undefined && BigInt(microsOf(from)) >= BigInt(microsOf(to)))
    problems.add(['to'], 'expected a time after "from"');
}

/** Of jobs with one seed, each has waits of its own. */
function codesOf(text: string): number {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum = (Math.imul(sum, 31) + text.charCodeAt(i)) >>> 0;
  return sum;
}
