import { Batch, releaseAll } from '../columns/batch.js';
import type { ControlRecord, PlacedControl } from '../columns/control-record.js';
import type { DictionarySet } from '../columns/dictionary.js';
import { type EventOrder, SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import { ownColumns } from '../columns/own-columns.js';
import { eventTimeIndex, type Schema } from '../columns/schema.js';
import { packRows } from '../columns/selection.js';
import type { Clock } from '../core/clock.js';
import { invariant } from '../core/invariant.js';
import { blamed } from './blame.js';
import { PassedWatermark } from './event-time/passed-watermark.js';
import type { HeldStage } from './held-stage.js';
import type { Emit, Operator, OperatorTally } from './operator.js';
import { emptyTally, type NamedOperator, type OperatorRows } from './operator-rows.js';
import { labelOf, type StageLabel } from './stage-label.js';
import type { StagesAtWork } from './stages-at-work.js';

interface Link {
  readonly named: NamedOperator;
  /** For `StagesAtWork`. */
  place: number;
  readonly label: StageLabel;
  readonly operator: Operator;
  /** Schema of its input batches. */
  readonly input: Schema;
  /** Whether its output has event time. */
  readonly hasEventTime: boolean;
  /** Batches waiting for it, in order. */
  readonly inbox: Batch[];
  readonly emit: Emit;
  /** Watermark of its output. */
  readonly watermark: PassedWatermark;
  readonly rows: OperatorRows;
}

/** What an operator chain needs to know about its pipeline. */
export interface ChainSetting {
  /** Schema of the source's batches. */
  readonly input: Schema;
  readonly dictionaries: DictionarySet;
  /** Event order of the source's rows. */
  readonly order: EventOrder;
  /** Whether whoever takes the batches wants to know where their rows were read. */
  readonly keepsOrigins?: boolean;
  readonly clock: Clock;
}

/**
 * Runs the operators of a pipeline step by step. In each step one operator works once: the last one that
 * has something to do. So what it emits passes to the end of the chain, and through the batcher and the
 * sink, before any operator emits more.
 */
export class OperatorChain {
  /** Schema of the output batches. */
  readonly output: Schema;
  /** Event order of the output rows. */
  readonly order: EventOrder;
  readonly #links: readonly Link[];
  readonly #dictionaries: DictionarySet;
  readonly #keepsOrigins: boolean;
  /** Receives the source's batches: the inbox of the first operator, or the output if there is none. */
  readonly #first: Batch[];
  readonly #out: Batch[] = [];
  readonly #clock: Clock;
  #stages: StagesAtWork | undefined;
  /** The call of an operator that has not settled. */
  #held: HeldStage | undefined;
  /** The remaining steps at the end of the stream. */
  readonly #closing: (() => boolean | Promise<boolean>)[] = [];

  constructor(operators: readonly NamedOperator[], setting: ChainSetting) {
    const { input, dictionaries, order, keepsOrigins = false, clock } = setting;
    let promised = order;
    const inboxes = operators.map((): Batch[] => []);
    this.#links = operators.map((named, i) => {
      const operator = named.stage;
      promised = operator.order ?? (operator.changesTime ? SYMBOLS_IN_ORDER : promised);
      const link: Link = {
        named,
        place: 0,
        label: labelOf('Operator', named),
        operator,
        input: i === 0 ? input : operators[i - 1]!.stage.output,
        hasEventTime: eventTimeIndex(operator.output) >= 0,
        inbox: inboxes[i]!,
        emit: (batch) => handOn(batch, link, inboxes[i + 1] ?? this.#out),
        watermark: new PassedWatermark(operator.output, promised),
        rows: named.rows,
      };
      return link;
    });
    this.#first = inboxes[0] ?? this.#out;
    this.output = operators.at(-1)?.stage.output ?? input;
    this.order = promised;
    this.#dictionaries = dictionaries;
    this.#keepsOrigins = keepsOrigins;
    this.#clock = clock;
  }

  /** Has it say from now on which operator the thread is in. */
  markIn(stages: StagesAtWork): void {
    this.#stages = stages;
    for (const link of this.#links) link.place = stages.placeOf(link.named.id);
  }

  /** The call of an operator that has not settled, if there is one. */
  get held(): HeldStage | undefined {
    return this.#held;
  }

  /** Adds a batch, and takes ownership of it. The following steps process it. */
  give(batch: Batch): void {
    keepControls(batch, isNotEnd);
    putUnlessEmpty(batch, this.#first);
  }

  /**
   * Ends the stream, in the following steps. Each operator in order receives an `end` record after all of
   * its input, and then emits what it holds. One `end` record comes out, after everything else.
   */
  finish(how: Extract<ControlRecord, { type: 'end' }>['how']): void {
    const record: ControlRecord = { type: 'end', how };
    for (const link of this.#links) {
      const { operator, input, emit } = link;
      this.#closing.push(() => this.#process(link, this.#batchOf(input, record)));
      if (operator.flush) this.#closing.push(() => this.#workOn(link, () => operator.flush?.(emit)));
    }
    this.#closing.push(() => this.#out.push(this.#batchOf(this.output, record)) > 0);
  }

  /** Lets one operator work once. @returns Whether there was anything to do. */
  step(): boolean | Promise<boolean> {
    for (let i = this.#links.length - 1; i >= 0; i--) {
      const link = this.#links[i]!;
      const { operator, inbox } = link;
      if (operator.hasMore) return this.#workOn(link, () => emitMore(link));
      const batch = inbox.shift();
      if (batch) return this.#process(link, batch);
    }
    return this.#closing.shift()?.() ?? false;
  }

  /** Returns the next output batch, owned by the caller. */
  take(): Batch | undefined {
    const batch = this.#out[0];
    if (!batch) return undefined;
    if (!this.#keepsOrigins) batch.origin = undefined; // otherwise used by operators only
    packRows(batch); // a failure leaves the batch here, to be released
    this.#out.shift();
    return batch;
  }

  /** Releases the batches still inside, if the run was cut short. */
  release(): void {
    this.#closing.length = 0;
    // `releaseAll` skips released batches: an operator that failed after emitting its batch has released it.
    for (const { inbox } of this.#links) releaseAll(inbox.splice(0));
    releaseAll(this.#out.splice(0));
  }

  /** The sum of the tallies of all operators, over all starts of the run. */
  tally(): Required<OperatorTally> {
    const sum = emptyTally();
    for (const { rows } of this.#links) rows.addTo(sum);
    return sum;
  }

  /** The watermark of what the operator at a place has emitted, if known. */
  watermarkBehind(place: number): bigint | undefined {
    const { operator, watermark } = this.#links[place]!;
    return operator.watermark ? operator.watermark() : watermark.at;
  }

  #process(link: Link, batch: Batch): boolean | Promise<boolean> {
    const { operator, emit, rows } = link;
    rows.given(batch.length);
    return this.#workOn(
      link,
      () => {
        if (!operator.readsOnly) ownColumns(batch);
        if (!operator.takesSelections) packRows(batch);
        return operator.process(batch, emit);
      },
      batch,
    );
  }

  /**
   * Runs the work of an operator, and awaits it only if it returns a promise, which most operators do not.
   *
   * @param given - The batch that it works on, if any; released if the work fails.
   */
  #workOn(link: Link, work: () => void | Promise<void>, given?: Batch): true | Promise<true> {
    const stages = this.#stages;
    const before = stages?.enter(link.place) ?? 0;
    let working: void | Promise<void>;
    try {
      working = work();
    } catch (thrown) {
      throw failed(link, thrown, given);
    } finally {
      stages?.leave(before);
    }
    if (!working) {
      settle(link);
      return true;
    }
    this.#held = { stage: link.named, since: this.#clock.now() };
    return Promise.resolve(working).then(
      () => {
        this.#held = undefined;
        return settle(link);
      },
      (thrown: unknown) => {
        this.#held = undefined;
        throw failed(link, thrown, given);
      },
    );
  }

  #batchOf(schema: Schema, record: ControlRecord): Batch {
    const batch = new Batch(schema, 1, this.#dictionaries);
    batch.controls.push({ row: 0, record });
    return batch;
  }
}

const isNotEnd = ({ record }: PlacedControl): boolean => record.type !== 'end';
const isNeitherEndNorWatermark = ({ record }: PlacedControl): boolean =>
  record.type !== 'end' && record.type !== 'watermark';

/** Passes what an operator emits to the next operator or the output. */
function handOn(batch: Batch, link: Link, to: Batch[]): void {
  const { operator, hasEventTime, watermark, rows } = link;
  rows.emitted(batch.length);
  const passesWatermarks = hasEventTime && operator.changesTime !== true;
  keepControls(batch, passesWatermarks ? isNotEnd : isNeitherEndNorWatermark);
  watermark.pass(batch);
  putUnlessEmpty(batch, to);
}

/**
 * Removes control records that must not pass: the chain itself emits `end`, once, and a watermark is no
 * longer valid after an operator that changes times.
 */
function keepControls(batch: Batch, isKept: (placed: PlacedControl) => boolean): void {
  if (!batch.controls.every(isKept)) batch.controls = batch.controls.filter(isKept);
}

function putUnlessEmpty(batch: Batch, to: Batch[]): void {
  if (batch.isEmpty) batch.release();
  else to.push(batch);
}

function emitMore({ operator, emit }: Link): void | Promise<void> {
  invariant(operator.emitMore !== undefined, 'an operator that has more to emit can be asked for it');
  return operator.emitMore(emit);
}

/** @param given - Released, unless the operator has released it already. */
function failed({ label }: Link, thrown: unknown, given: Batch | undefined): unknown {
  if (given) releaseAll([given]);
  return blamed('OPERATOR_FAILED', label, thrown);
}

function settle({ operator, rows }: Link): true {
  if (!operator.hasMore) rows.answered();
  return true;
}
