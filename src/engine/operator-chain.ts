import { Batch, releaseAll } from '../columns/batch.js';
import type { ControlRecord, PlacedControl } from '../columns/control-record.js';
import type { DictionarySet } from '../columns/dictionary.js';
import { type EventOrder, SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import { eventTimeIndex, type Schema } from '../columns/schema.js';
import { packRows } from '../columns/selection.js';
import { PipelineError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import type { PlainData } from '../core/plain-data.js';
import { blamed } from './blame.js';
import type { Emit, Operator, OperatorTally } from './operator.js';
import { PassedWatermark } from './passed-watermark.js';
import type { Named } from './stage.js';

interface Link {
  readonly use: string;
  readonly operator: Operator;
  /** Of the batches that it is given. */
  readonly input: Schema;
  /** Whether there is event time in what it emits. */
  readonly hasEventTime: boolean;
  /** Batches that it is to be given, in order. */
  readonly inbox: Batch[];
  readonly emit: Emit;
  /** Of what it emitted. */
  readonly watermark: PassedWatermark;
  rowsIn: number;
  rowsOut: number;
  /** Rows that it was given and has answered: it had no more to emit of them. */
  rowsAnswered: number;
}

/** What an operator chain stands in. */
export interface ChainSetting {
  /** Of the batches that the source reads. */
  readonly input: Schema;
  readonly dictionaries: DictionarySet;
  /** What the source's rows promise. */
  readonly order: EventOrder;
}

/**
 * The operators of a pipeline, one after the other, driven step by step: in each step one operator
 * works once, the last of those that have something to do. So what it emits goes to the end of the
 * chain, and through batcher and sink, before anybody is asked for more.
 */
export class OperatorChain {
  /** Of the batches that come out. */
  readonly output: Schema;
  /** What the rows that come out promise. */
  readonly order: EventOrder;
  readonly #links: readonly Link[];
  readonly #dictionaries: DictionarySet;
  /** Where the source's batches go: to the first operator, or straight out. */
  readonly #first: Batch[];
  readonly #out: Batch[] = [];
  /** The steps that are left at the end of the stream. */
  readonly #closing: (() => boolean | Promise<boolean>)[] = [];

  constructor(operators: readonly Named<Operator>[], { input, dictionaries, order }: ChainSetting) {
    let promised = order;
    const inboxes = operators.map((): Batch[] => []);
    this.#links = operators.map(({ use, stage: operator }, i) => {
      promised = operator.order ?? (operator.changesTime ? SYMBOLS_IN_ORDER : promised);
      const link: Link = {
        use,
        operator,
        input: i === 0 ? input : operators[i - 1]!.stage.output,
        hasEventTime: eventTimeIndex(operator.output) >= 0,
        inbox: inboxes[i]!,
        emit: (batch) => handOn(batch, link, inboxes[i + 1] ?? this.#out),
        watermark: new PassedWatermark(operator.output, promised),
        rowsIn: 0,
        rowsOut: 0,
        rowsAnswered: 0,
      };
      return link;
    });
    this.#first = inboxes[0] ?? this.#out;
    this.output = operators.at(-1)?.stage.output ?? input;
    this.order = promised;
    this.#dictionaries = dictionaries;
  }

  /** Owns the batch. It goes on with the steps that follow. */
  give(batch: Batch): void {
    keepControls(batch, isNotEnd);
    putUnlessEmpty(batch, this.#first);
  }

  /**
   * Ends the stream, in the steps that follow: each operator in order is given an `end` record of its
   * own behind all that comes from above, and then gives up what it holds. One `end` record comes out
   * behind all of it.
   */
  finish(how: Extract<ControlRecord, { type: 'end' }>['how']): void {
    const record: ControlRecord = { type: 'end', how };
    for (const link of this.#links) {
      const { operator, input, emit } = link;
      this.#closing.push(() => this.#process(link, this.#batchOf(input, record)));
      if (operator.flush) this.#closing.push(() => workOn(link, () => operator.flush?.(emit)));
    }
    this.#closing.push(() => this.#out.push(this.#batchOf(this.output, record)) > 0);
  }

  /** Has one operator work once. @returns Whether there was anything to do. */
  step(): boolean | Promise<boolean> {
    for (let i = this.#links.length - 1; i >= 0; i--) {
      const link = this.#links[i]!;
      const { operator, inbox } = link;
      if (operator.hasMore) return workOn(link, () => emitMore(link));
      const batch = inbox.shift();
      if (batch) return this.#process(link, batch);
    }
    return this.#closing.shift()?.() ?? false;
  }

  /** The next batch that has come out at the end, owned by the caller. */
  take(): Batch | undefined {
    const batch = this.#out.shift();
    if (!batch) return undefined;
    batch.origin = undefined; // for operators alone: nobody behind them asks
    packRows(batch);
    return batch;
  }

  /** Lets go of what did not come out: the run was cut short. */
  release(): void {
    this.#closing.length = 0;
    // An operator that emitted its batch and then failed has seen it released already.
    for (const { inbox } of this.#links) releaseAll(inbox.splice(0));
    releaseAll(this.#out.splice(0));
  }

  snapshot(): PlainData[] {
    return this.#links.map(({ operator }) => operator.snapshot?.() ?? null);
  }

  restore(states: readonly PlainData[]): void {
    if (states.length !== this.#links.length) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        `The checkpoint is of ${states.length} operators, the pipeline has ${this.#links.length}: start without it, or with the spec that it was taken of`,
      );
    }
    this.#links.forEach(({ operator }, i) => {
      const state = states[i];
      if (state !== null && state !== undefined) operator.restore?.(state);
    });
  }

  /** Of all operators together, so far. */
  tally(): Required<OperatorTally> {
    const sum = { filtered: 0, folded: 0, derived: 0, dropped: 0, rejected: 0, late: 0 };
    for (const link of this.#links) {
      const tally = link.operator.tally?.() ?? inferred(link);
      sum.filtered += tally.filtered ?? 0;
      sum.folded += tally.folded ?? 0;
      sum.derived += tally.derived ?? 0;
      sum.dropped += tally.dropped ?? 0;
      sum.rejected += tally.rejected ?? 0;
      sum.late += tally.late ?? 0;
    }
    return sum;
  }

  /** Of the operator at a place, where it is known: the watermark of what it has emitted. */
  watermarkBehind(place: number): bigint | undefined {
    const { operator, watermark } = this.#links[place]!;
    return operator.watermark ? operator.watermark() : watermark.at;
  }

  #process(link: Link, batch: Batch): boolean | Promise<boolean> {
    const { operator, emit } = link;
    link.rowsIn += batch.length;
    if (!operator.takesSelections) packRows(batch);
    return workOn(link, () => operator.process(batch, emit), batch);
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

/** Hands what an operator emits to whoever comes next. */
function handOn(batch: Batch, link: Link, to: Batch[]): void {
  const { operator, hasEventTime, watermark } = link;
  link.rowsOut += batch.length;
  const passesWatermarks = hasEventTime && operator.changesTime !== true;
  keepControls(batch, passesWatermarks ? isNotEnd : isNeitherEndNorWatermark);
  watermark.pass(batch);
  putUnlessEmpty(batch, to);
}

/** `end` is for the chain to say, once, and a watermark is of the times that it was said of. */
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

/**
 * Waits only where there is something to wait for: most operators answer at once.
 *
 * @param given - The batch that it works on, if one: released where the work fails.
 */
function workOn(link: Link, work: () => void | Promise<void>, given?: Batch): true | Promise<true> {
  const fail = (thrown: unknown): never => {
    if (given) releaseAll([given]); // unless the operator has seen to it
    throw blamed('OPERATOR_FAILED', nameOf(link), thrown);
  };
  let working: void | Promise<void>;
  try {
    working = work();
  } catch (thrown) {
    return fail(thrown);
  }
  if (!working) {
    settle(link);
    return true;
  }
  return Promise.resolve(working).then(() => settle(link), fail);
}

function settle(link: Link): true {
  if (!link.operator.hasMore) link.rowsAnswered = link.rowsIn;
  return true;
}

/** Rows that it still has to emit of a batch are neither gone nor new. */
function inferred({ rowsAnswered, rowsIn, rowsOut }: Link): OperatorTally {
  return { filtered: Math.max(0, rowsAnswered - rowsOut), derived: Math.max(0, rowsOut - rowsIn) };
}

const nameOf = ({ use }: Link): string => `Operator "${use}"`;
