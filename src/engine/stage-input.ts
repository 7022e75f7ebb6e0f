import { Batch, releaseAll } from '../columns/batch.js';
import type { DictionarySet } from '../columns/dictionary.js';
import { type EventOrder, SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import { loadBatch, saveBatch } from '../columns/saved-batch.js';
import type { Schema } from '../columns/schema.js';
import type { Clock } from '../core/clock.js';
import { copyPlainData } from '../core/copy-plain-data.js';
import { PipelineError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import type { PlainData } from '../core/plain-data.js';
import type { Nanos } from '../core/units.js';
import type { StageStatistics } from '../wire/pipeline-report.js';
import type { Path } from '../wire/stage-tree.js';
import { blamed } from './blame.js';
import type { Input } from './input.js';
import { LiveIntake } from './live-intake.js';
import { WATERMARK_EVERY_NS } from './live-watermark.js';
import type { Operator } from './operator.js';
import { OperatorChain } from './operator-chain.js';
import type { KeptRejects } from './rejects.js';
import { RepeatingTimer } from './repeating-timer.js';
import type { Source } from './source.js';
import type { SourceCapabilities } from './source-capabilities.js';
import type { Named, RunningInput } from './stage.js';
import { titleOfStage } from './stage-title.js';

/** The parts that an input is built from. */
export interface StageInputParts {
  readonly at: Path;
  readonly source: Named<Source>;
  readonly operatorsAt: Path;
  readonly operators: readonly Named<Operator>[];
  readonly dictionaries: DictionarySet;
  readonly clock: Clock;
  readonly rejects: KeptRejects;
}

type Arrival = { readonly batch: Batch | null } | { readonly thrown: unknown };

/**
 * An input at run time. It reads its source only when its stage reads. Its operators process a whole batch
 * before the first resulting batch is delivered. So its state between two batches is the position of the
 * source, the states of the operators and the undelivered batches, all of which fit in a checkpoint.
 */
export class StageInput implements Input, RunningInput {
  readonly at: Path;
  readonly source: Named<Source>;
  readonly operatorsAt: Path;
  readonly operators: readonly Named<Operator>[];
  readonly #parts: StageInputParts;
  readonly #chain: OperatorChain;
  readonly #live: { readonly intake: LiveIntake; readonly timer: RepeatingTimer } | undefined;
  /** Batches that the operators have emitted and the stage has not read yet. */
  readonly #ready: Batch[] = [];
  /** Position of the source before the read that is in progress or has arrived; `undefined` if unknown. */
  #positionBefore: PlainData | undefined;
  #isSourceReading = false;
  /** The result of the source's read, until the operators get it. */
  #arrival: Arrival | undefined;
  /** A batch with a watermark from the clock, until the operators get it. */
  #mark: Batch | undefined;
  #isWoken = false;
  /** Whether the stage waits for a read. */
  #isAwaited = false;
  #isAtWork = false;
  #isFrozen = false;
  #isHeld = false;
  #isStopped = false;
  #isOver = false;
  #isClosed = false;
  #failure: { readonly error: unknown } | undefined;
  #watchers: (() => void)[] = [];
  #waitsSince = 0n as Nanos;
  #rowsRead = 0;
  #rowsRefused = 0;

  constructor(parts: StageInputParts) {
    const { at, source, operatorsAt, operators, dictionaries, clock, rejects } = parts;
    this.at = at;
    this.source = source;
    this.operatorsAt = operatorsAt;
    this.operators = operators;
    this.#parts = parts;
    const { schema, order = SYMBOLS_IN_ORDER } = source.stage;
    this.#chain = new OperatorChain(operators, { input: schema, dictionaries, order });
    if (LiveIntake.isFor(source.stage)) {
      this.#live = {
        intake: new LiveIntake(source, rejects, clock),
        timer: new RepeatingTimer(clock, WATERMARK_EVERY_NS, (now) => this.#tellWatermark(now)),
      };
    }
  }

  get schema(): Schema {
    return this.#chain.output;
  }

  get order(): EventOrder {
    return this.#chain.order;
  }

  get capabilities(): SourceCapabilities {
    return this.source.stage.capabilities;
  }

  get rowsRejected(): number {
    return this.#rowsRefused + (this.source.stage.rowsRejected ?? 0);
  }

  get bytesIn(): number {
    return this.source.stage.bytesIn ?? 0;
  }

  statistics(): StageStatistics {
    const { rowsRejected = 0 } = this.source.stage;
    return {
      rowsIn: this.#rowsRead + rowsRejected,
      rowsRejected: this.rowsRejected,
      bytesIn: this.bytesIn,
    };
  }

  read(): Promise<Batch | null> | Batch | null {
    invariant(!this.#isAwaited, 'an input is read once at a time');
    const ready = this.#ready.shift();
    if (ready) return ready;
    return this.#isOver && !this.#failure ? null : this.#readOn();
  }

  /** Called by its operators when they have rows to emit without having received any. */
  wake(): void {
    this.#isWoken = true;
    this.#notify();
  }

  start(): void {
    this.#live?.timer.start();
  }

  stop(): void {
    this.#isStopped = true;
    this.source.stage.stop();
  }

  hold(): void {
    this.#isHeld = true;
  }

  goOn(heldNs: bigint): void {
    this.#isHeld = false;
    this.#live?.intake.standStill(heldNs);
  }

  async freeze(): Promise<void> {
    this.#isFrozen = true;
    while (this.#isAtWork || (this.#holdsRead && this.#positionBefore === undefined)) {
      // If the stage has no pending read, nothing else takes the arrival.
      if (this.#arrival && !this.#isAtWork && !this.#isAwaited) await this.#work(() => this.#takeArrival());
      else await this.#change();
    }
  }

  thaw(): void {
    this.#isFrozen = false;
    this.#notify();
  }

  snapshot(): PlainData {
    const position = this.#holdsRead ? this.#positionBefore : this.source.stage.position();
    return {
      position: copyPlainData(position, 'position'),
      isOver: this.#isOver,
      ready: this.#ready.map(saveBatch),
      rowsRead: this.#rowsRead,
      rowsRefused: this.#rowsRefused,
      ...(this.#live && { intake: this.#live.intake.snapshot() }),
    };
  }

  async restore(state: PlainData): Promise<void> {
    const { position, isOver, ready, rowsRead, rowsRefused, intake } = (state ?? {}) as Partial<SavedInput>;
    if (position === undefined || typeof isOver !== 'boolean' || !Array.isArray(ready)) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `Expected the state of an input, {position, isOver, ready}, for ${this.#title}, found something else`,
      );
    }
    this.#isOver = isOver;
    for (const saved of ready) this.#ready.push(loadBatch(saved, this.schema, this.#parts.dictionaries));
    this.#rowsRead = Number(rowsRead ?? 0);
    this.#rowsRefused = Number(rowsRefused ?? 0);
    this.#live?.intake.restore(intake);
    await this.source.stage.resume(position);
  }

  async end(): Promise<void> {
    this.#isClosed = true;
    this.#live?.timer.stop();
    if (this.#isSourceReading) this.source.stage.stop();
    this.#notify();
    while (this.#isSourceReading || this.#isAtWork) await this.#change();
    if (this.#arrival && 'batch' in this.#arrival) this.#arrival.batch?.release();
    this.#arrival = undefined;
    releaseAll([...this.#ready.splice(0), ...(this.#mark ? [this.#mark] : [])]);
    this.#mark = undefined;
    this.#chain.release();
  }

  get #title(): string {
    return titleOfStage('Source', this.source);
  }

  /** Whether the source has read, or is reading, a batch that the operators have not received. */
  get #holdsRead(): boolean {
    return this.#isSourceReading || this.#arrival !== undefined;
  }

  async #readOn(): Promise<Batch | null> {
    this.#isAwaited = true;
    try {
      for (;;) {
        const ready = this.#isClosed ? undefined : this.#ready.shift();
        if (ready) return ready;
        if (this.#failure) throw this.#failure.error;
        if (this.#isOver || this.#isClosed) return null;
        await this.#advance();
      }
    } finally {
      this.#isAwaited = false;
    }
  }

  /** Makes one step towards the next batch. */
  async #advance(): Promise<void> {
    if (this.#isAtWork || (this.#isFrozen && !this.#isOwed)) return this.#change();
    if (this.#isWoken) {
      this.#isWoken = false;
      return this.#work(() => this.#runOperators());
    }
    if (this.#arrival) return this.#work(() => this.#takeArrival());
    if (this.#mark) return this.#work(() => this.#takeMark());
    if (!this.#isSourceReading) this.#beginRead();
    if (!this.#arrival) await this.#change();
  }

  /** Whether a checkpoint has to wait until the operators get the read that has arrived. */
  get #isOwed(): boolean {
    return this.#arrival !== undefined && this.#positionBefore === undefined;
  }

  #beginRead(): void {
    const { stage, inputs } = this.source;
    // The position of a source with its own inputs covers what it read from them only between two reads.
    if (inputs) this.#positionBefore = undefined;
    else this.#positionBefore = stage.positionForRead ? stage.positionForRead() : stage.position();
    this.#waitsSince = this.#parts.clock.now();
    const arrive = (arrival: Arrival) => {
      this.#isSourceReading = false;
      this.#arrival = arrival;
      this.#notify();
    };
    this.#isSourceReading = true;
    try {
      const reading = stage.read();
      if (!(reading instanceof Promise)) arrive({ batch: reading });
      else {
        reading.then(
          (batch) => arrive({ batch }),
          (thrown: unknown) => arrive({ thrown }),
        );
      }
    } catch (thrown) {
      arrive({ thrown });
    }
  }

  async #takeArrival(): Promise<void> {
    const arrival = this.#arrival;
    if (!arrival) return;
    this.#arrival = undefined;
    if ('thrown' in arrival) {
      this.#fail(blamed('SOURCE_FAILED', this.#title, arrival.thrown, this.#parts.clock));
      return;
    }
    const { batch } = arrival;
    if (!batch) {
      this.#chain.finish(this.#isStopped ? 'drained' : 'completed');
      await this.#runOperators();
      this.#isOver = true;
      return;
    }
    this.#rowsRead += batch.length;
    const live = this.#live?.intake.receive(batch);
    if (live) this.#rowsRefused += live.refused;
    this.#chain.give(batch);
    await this.#runOperators();
    if (live?.refused || this.source.stage.rowsRejected) await this.#parts.rejects.flush();
    if (live?.failure) this.#fail(live.failure.error); // after the rows before the failure
  }

  async #takeMark(): Promise<void> {
    const mark = this.#mark;
    if (!mark) return;
    this.#mark = undefined;
    this.#chain.give(mark);
    await this.#runOperators();
  }

  async #runOperators(): Promise<void> {
    const chain = this.#chain;
    for (;;) {
      for (let made = chain.take(); made; made = chain.take()) {
        made.controls = made.controls.filter(({ record }) => record.type !== 'end');
        if (made.isEmpty) made.release();
        else this.#ready.push(made);
      }
      const stepped = chain.step();
      if (!(typeof stepped === 'boolean' ? stepped : await stepped)) return;
    }
  }

  /** Runs one piece of work at a time. The next read throws its error. */
  async #work(act: () => Promise<void>): Promise<void> {
    this.#isAtWork = true;
    try {
      await act();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isAtWork = false;
      this.#notify();
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#isOver = true;
  }

  #tellWatermark(now: Nanos): void {
    if (!this.#isAwaited || this.#isAtWork || this.#isFrozen || this.#isHeld || this.#mark) return;
    // Not right after a read started: rows that arrived before it may still be in transit.
    if (!this.#isSourceReading || now - this.#waitsSince < WATERMARK_EVERY_NS) return;
    const batch = new Batch(this.source.stage.schema, 1, this.#parts.dictionaries);
    if (!this.#live?.intake.mark(batch, now)) {
      batch.release();
      return;
    }
    this.#mark = batch;
    this.#notify();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#watchers.push(resolve);
    });
  }

  #notify(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}

interface SavedInput {
  readonly position: PlainData;
  readonly isOver: boolean;
  readonly ready: readonly PlainData[];
  readonly rowsRead: number;
  readonly rowsRefused: number;
  readonly intake: PlainData;
}
