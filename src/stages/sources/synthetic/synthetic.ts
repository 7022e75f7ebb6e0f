import { appendRows, Batch } from '../../../columns/batch.js';
import { BatchPool } from '../../../columns/batch-pool.js';
import { readInt64 } from '../../../columns/int64.js';
import type { Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import { nanos } from '../../../core/units.js';
import type { PlanProblems, SourceFactory } from '../../../engine/factories.js';
import type { Source } from '../../../engine/source.js';
import type { SourceCapabilities } from '../../../engine/source-capabilities.js';
import type { StageContext } from '../../../engine/stage.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import { FaultSchedule } from './fault-schedule.js';
import type { SyntheticOptions } from './options.js';
import { QuoteWalk, WALK_ROWS_MAX } from './quote-walk.js';
import { createRowMaker, type RowMaker, syntheticSchema } from './row-kinds.js';
import { RowOrdinals } from './row-ordinals.js';
import { RowSchedule } from './row-schedule.js';
import { parsePosition, type SyntheticPosition } from './synthetic-position.js';
import { tickGrid, ticksMaxOf } from './tick-grid.js';

/** Ticks that a seed determines, the same on every machine: prices on a random walk, faults on demand. */
export const syntheticSource: SourceFactory<SyntheticOptions> = {
  plan(options, problems) {
    checkTogether(options, problems);
    return syntheticSchema(options.kind);
  },
  create: (options, context) => new SyntheticSource(options, context),
};

/** How long the source stays silent before it reports how far time has advanced. */
const WAIT_NS_MAX = 100_000_000;

class SyntheticSource implements Source {
  readonly schema: Schema;
  readonly capabilities: SourceCapabilities;
  /** Rows that the fault schedule delays are meant to be late, so no delay is promised. */
  readonly order = { scope: 'all', maxDelayNs: 0 } as const;
  readonly #options: SyntheticOptions;
  readonly #context: StageContext;
  readonly #pool: BatchPool;
  readonly #walk: QuoteWalk;
  readonly #faults: FaultSchedule;
  readonly #maker: RowMaker;
  readonly #schedule: RowSchedule | undefined;
  /** The row that is held back, if any, as many times as it will come. */
  readonly #late: Batch;
  #ids = new Int32Array(0);
  #isStopped = false;
  /** Rows made so far, not counting copies. */
  #row = 0;
  /** No further row is earlier, except for rows held back. Kept only with a rate. */
  #watermark: bigint | undefined;
  /** Counted since the source was created; not part of a position. */
  #readsFailed = 0;
  #gaps = 0;

  constructor(options: SyntheticOptions, context: StageContext) {
    this.#options = options;
    this.#context = context;
    this.schema = syntheticSchema(options.kind);
    this.capabilities = { delivery: 'replayable', bounded: options.rows !== undefined };
    this.#faults = new FaultSchedule(options.faults);
    const capacity = Math.max(context.batchRows, this.#faults.placesPerRow);
    this.#pool = new BatchPool(this.schema, capacity, context.dictionaries);
    this.#late = new Batch(this.schema, 2, context.dictionaries);
    const { spread, levels, sizeMin, sizeMax } = options;
    const grid = tickGrid(options.tickSize);
    this.#maker = createRowMaker(options.kind, { grid, spread, levels });
    this.#walk = new QuoteWalk({
      seed: options.seed ?? context.seed,
      startNs: BigInt(options.start) * 1_000_000n,
      intervalNs: options.interval,
      jitterNs: options.jitter,
      symbols: symbolCount(options),
      startTicks: Math.round(options.price / options.tickSize),
      ticksMin: ticksMinOf(options),
      ticksMax: ticksMaxOf(grid) - ticksAbove(options),
      volatility: options.volatility,
      grid,
      spread,
      sizeMin,
      sizes: sizeMax - sizeMin + 1,
    });
    if (options.rate !== 'max') {
      this.#schedule = new RowSchedule(context.clock, {
        rowsPerSecond: options.rate,
        silenceEvery: options.faults.silenceEvery ?? Number.POSITIVE_INFINITY,
        silenceNs: options.faults.silenceFor,
      });
    }
  }

  open(): void {
    const column = this.schema.columns[1]!; // the columns of every kind begin with time and symbol
    const symbols = this.#context.dictionaries.get(column.dictionary ?? column.name);
    this.#ids = Int32Array.from(symbolNames(this.#options), (name) => symbols.idOf(name));
  }

  read(): Promise<Batch | null> | Batch | null {
    if (this.#isStopped || this.#isAtEnd) return null;
    if (this.#schedule === undefined || this.#row === this.#options.rows)
      return this.#make(this.#pool.capacity);
    const due = this.#schedule.rowsDue(this.#row, this.#pool.capacity);
    return due > 0 ? this.#make(due) : this.#waitAndMake(this.#schedule);
  }

  stop(): void {
    this.#isStopped = true;
    this.#schedule?.end();
  }

  position(): PlainData {
    const late = this.#late.length === 0 ? null : this.#late.columns.map((data) => Array.from(data));
    const walk = this.#walk.state();
    const position: SyntheticPosition = {
      row: this.#row,
      walk: { ...walk },
      late,
      copies: this.#late.length,
    };
    return position as unknown as PlainData; // readonly arrays and numbers: plain data by its fields
  }

  /** Expensive with many symbols. Without a rate, no read waits. */
  positionForRead(): PlainData | undefined {
    return this.#schedule && this.position();
  }

  resume(position: PlainData): void {
    const { row, walk, late, copies } = parsePosition(position, symbolCount(this.#options));
    this.#row = row;
    this.#walk.restore(walk);
    this.#late.length = copies;
    late?.forEach((values, column) => {
      this.#late.columns[column]?.set(values);
    });
  }

  close(): void {
    this.#late.release();
  }

  statistics(): StageStatistics {
    return { rowsMade: this.#row, gapsMade: this.#gaps };
  }

  get #isAtEnd(): boolean {
    return this.#row === this.#options.rows && this.#late.length === 0;
  }

  /**
   * Waits and makes rows. During a long wait, reports how far time has advanced, so that windows can
   * close in the meantime.
   */
  async #waitAndMake(schedule: RowSchedule): Promise<Batch | null> {
    for (;;) {
      const due = await schedule.waitFor(this.#row, WAIT_NS_MAX);
      if (this.#isStopped) return null;
      if (due > 0) return this.#make(due);
      const reached = this.#nextTime - BigInt(Math.max(0, Math.ceil(schedule.untilDue(this.#row))));
      if (this.#watermark === undefined || reached <= this.#watermark) continue;
      this.#watermark = reached;
      const batch = this.#pool.acquire();
      batch.controls.push({ row: 0, record: { type: 'watermark', at: nanos(reached) } });
      return batch;
    }
  }

  /** Time of the next row, including any silence or gap before it. */
  get #nextTime(): bigint {
    const { faults, interval } = this.#options;
    let time = this.#walk.nextTime;
    if (this.#faults.isSilentAfter(this.#row)) time += BigInt(faults.silenceFor);
    if (this.#faults.gapsAfter(this.#row)) time += BigInt(interval) * BigInt(faults.gapLength);
    return time;
  }

  /** A batch of at least one and at most `rowsMax` new rows. */
  #make(rowsMax: number): Batch {
    const batch = this.#pool.acquire();
    const ordinals = new RowOrdinals();
    batch.origin = ordinals;
    const makeRows = this.#maker(batch, this.#walk, this.#ids);
    const rows = this.#options.rows ?? Number.POSITIVE_INFINITY;
    const spare = this.#faults.placesPerRow - 1;
    const last = Math.min(rows, this.#row + rowsMax);

    while (this.#row < last && batch.length + spare < batch.capacity) {
      if (this.#faults.failsAfter(this.#row, this.#readsFailed)) {
        if (!batch.isEmpty) return batch; // rows before the failure are delivered first
        batch.release();
        this.#readsFailed++;
        throw new PipelineError(
          'SOURCE_FAILED',
          `Synthetic source failed at row ${this.#row + 1}, as asked`,
          {
            retryable: true,
          },
        );
      }
      this.#pass(batch);
      const start = batch.length;
      const count = Math.min(
        WALK_ROWS_MAX,
        last - this.#row,
        batch.capacity - spare - start,
        this.#faults.rowsToNext(this.#row),
      );
      makeRows(start, count);
      ordinals.add(start, this.#row + 1);
      batch.length = start + count;
      this.#row += count;
      if (this.#schedule) this.#watermark = readInt64(batch.int32('time'), batch.length - 1);
      this.#disturb(batch, ordinals);
    }
    if (this.#row === rows) this.#deliverLate(batch, ordinals);
    return batch;
  }

  /** Applies a gap or a silence before the next row. */
  #pass(batch: Batch): void {
    const { faults, interval } = this.#options;
    if (this.#faults.isSilentAfter(this.#row)) this.#walk.skip(BigInt(faults.silenceFor));
    if (!this.#faults.gapsAfter(this.#row)) return;
    const from = this.#walk.nextTime;
    this.#walk.skip(BigInt(interval) * BigInt(faults.gapLength));
    this.#gaps++;
    if (!faults.gapAnnounced) return;
    const record = {
      type: 'gap',
      from: nanos(from),
      to: nanos(this.#walk.nextTime),
      reason: 'synthetic',
    } as const;
    batch.controls.push({ row: batch.length, record });
  }

  /** Applies the scheduled faults to the row made last. */
  #disturb(batch: Batch, ordinals: RowOrdinals): void {
    const row = batch.length - 1;
    const copies = this.#faults.copiesOf(this.#row);
    if (this.#faults.isHeldBack(this.#row)) {
      for (let copy = 0; copy < copies; copy++) appendRows(batch, row, row + 1, this.#late);
      batch.length = row;
    } else if (copies > 1) {
      ordinals.add(batch.length, this.#row);
      appendRows(batch, row, row + 1, batch);
    }
    if (this.#faults.releasesLate(this.#row)) this.#deliverLate(batch, ordinals);
  }

  #deliverLate(batch: Batch, ordinals: RowOrdinals): void {
    for (let copy = 0; copy < this.#late.length; copy++) {
      ordinals.add(batch.length + copy, this.#faults.heldBackLast(this.#row));
    }
    appendRows(this.#late, 0, this.#late.length, batch);
    this.#late.length = 0;
  }
}

const symbolCount = ({ symbols }: SyntheticOptions): number =>
  typeof symbols === 'number' ? symbols : symbols.length;

function symbolNames({ symbols }: SyntheticOptions): readonly string[] {
  if (typeof symbols !== 'number') return symbols;
  const digits = Math.max(3, String(symbols - 1).length);
  return Array.from({ length: symbols }, (_, i) => `SYM${String(i).padStart(digits, '0')}`);
}

/** How many ticks prices reach below and above the walk. */
const ticksBelow = ({ kind, spread, levels }: SyntheticOptions): number =>
  (spread >> 1) + (kind === 'book' ? levels - 1 : 0);
const ticksAbove = ({ kind, spread, levels }: SyntheticOptions): number =>
  spread + (kind === 'book' ? levels - 1 : 0);
/** The lowest price is one tick. */
const ticksMinOf = (options: SyntheticOptions): number => 1 + ticksBelow(options);

function checkTogether(options: SyntheticOptions, problems: PlanProblems): void {
  const { faults, interval, jitter, price, sizeMin, sizeMax, symbols, tickSize, volatility } = options;
  if (jitter > interval) {
    problems.add(['jitter'], `expected at most the interval, ${interval} ns, found ${jitter} ns`);
  }
  if (sizeMax < sizeMin || sizeMax - sizeMin > 65_535) {
    problems.add(
      ['sizeMax'],
      `expected ${sizeMin} to ${sizeMin + 65_535} (sizeMin + 65535), found ${sizeMax}`,
    );
  }
  const startTicks = Math.round(price / tickSize);
  const ticksMin = ticksMinOf(options);
  const ticksMax = ticksMaxOf(tickGrid(tickSize)) - ticksAbove(options);
  if (startTicks < ticksMin) {
    problems.add(['price'], `expected at least ${ticksMin} ticks of ${tickSize}, found ${price}`);
  } else if (startTicks > ticksMax / 2 || ticksMax - ticksMin < 2 * volatility) {
    problems.add(
      ['tickSize'],
      `expected a size of which ${price} is at most ${ticksMax / 2} ticks, found ${tickSize}`,
    );
  }
  if (typeof symbols !== 'number' && new Set(symbols).size < symbols.length) {
    problems.add(['symbols'], 'expected each symbol once, found one twice');
  }
  if (faults.disorderEvery !== undefined && faults.disorderBy >= faults.disorderEvery) {
    problems.add(
      ['faults', 'disorderBy'],
      `expected less than disorderEvery, ${faults.disorderEvery}, found ${faults.disorderBy}`,
    );
  }
}
