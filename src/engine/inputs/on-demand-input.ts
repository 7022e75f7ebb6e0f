import type { CalendarData } from '../../calendars/calendar-data.js';
import type { Batch } from '../../columns/batch.js';
import type { ColumnMemory } from '../../columns/column-memory.js';
import type { EventOrder } from '../../columns/event-order.js';
import type { Schema } from '../../columns/schema.js';
import type { Clock } from '../../core/clock.js';
import { invariant } from '../../core/invariant.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Nanos } from '../../core/units.js';
import type { Logger } from '../../telemetry/logger.js';
import type { StageStatistics } from '../../wire/pipeline-report.js';
import type { SequenceNumbers } from '../../wire/provider-capabilities.js';
import type { ResolvedStage } from '../../wire/resolved-spec.js';
import { type Path, placesInInput, type StagePlace } from '../../wire/stage-tree.js';
import { LineStates, type States } from '../cuts/line-states.js';
import type { InputOnDemand, OpenOptions } from '../input.js';
import type { LastRows } from '../last-rows.js';
import type { NamedOperator } from '../operator-rows.js';
import { lifecycleOfInput, stagesOfInput } from '../pipeline-parts.js';
import type { KeptRejects, LettersBehind } from '../rejects.js';
import type { NamedSource } from '../source.js';
import type { SourceCapabilities } from '../source-capabilities.js';
import type { Named, RunningInput, Stage } from '../stage.js';
import type { StageLifecycle } from '../stage-lifecycle.js';
import { unsettledAfterGrace } from '../unsettled-after.js';
import { PipelineInputs } from './pipeline-inputs.js';
import type { StageInput } from './stage-input.js';

export interface OnDemandInputParts {
  /** The stage that reads it. */
  readonly owner: StagePlace<ResolvedStage>;
  /** Makes source and operators afresh, without opening them. */
  make(): StageInput;
  readonly memory: ColumnMemory;
  readonly clock: Clock;
  readonly rejects: KeptRejects;
  readonly log: Logger;
}

/** What there is of one opening. */
interface Line {
  readonly input: StageInput;
  readonly lifecycle: StageLifecycle;
  /** The inputs of its stages. */
  readonly inner: PipelineInputs;
  readonly states: LineStates;
}

const COUNTS = ['rowsRejected', 'rowsLeftOut', 'bytesIn', 'steps'] as const;
type Counts = Record<(typeof COUNTS)[number], number>;

/**
 * An input that its stage opens and closes: each opening has a source and operators of its own. To the pipeline it is
 * one input from beginning to end. While it is closed there is nothing to freeze, and its state is what it has
 * counted.
 */
export class OnDemandInput implements InputOnDemand, RunningInput {
  readonly isOnDemand = true as const;
  readonly #parts: OnDemandInputParts;
  /** The last one that was made: it says what the next ones will be like. */
  #line: Line;
  /** `waiting`: for the end of the line before. Nothing is made yet. */
  #phase: 'new' | 'waiting' | 'opening' | 'open' | 'closed' = 'new';
  /** Which life it is: an `open` that waits may find itself closed, and another one begun. */
  #life = 0;
  /** Settles once the line is open, or has failed to open. */
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Counts of earlier lines, minus what the current one has restored. */
  readonly #before: Counts = { rowsRejected: 0, rowsLeftOut: 0, bytesIn: 0, steps: 0 };
  /** Where the next line goes on: of a checkpoint, or of a line that has failed. */
  #saved: SavedLine | undefined;
  #goesOn = false;
  #isStarted = false;
  #isFrozen = false;
  #isDrained = false;
  #heldSince: Nanos | undefined;
  #heldNs = 0n;
  #brokenOff: { readonly reason: unknown } | undefined;

  constructor(parts: OnDemandInputParts) {
    this.#parts = parts;
    this.#line = this.#make();
  }

  get at(): Path {
    return this.#line.input.at;
  }

  get source(): NamedSource {
    return this.#line.input.source;
  }

  get operatorsAt(): Path {
    return this.#line.input.operatorsAt;
  }

  get operators(): readonly NamedOperator[] {
    return this.#line.input.operators;
  }

  get title(): string {
    return this.#line.input.title;
  }

  get schema(): Schema {
    return this.#line.input.schema;
  }

  get order(): EventOrder {
    return this.#line.input.order;
  }

  get capabilities(): SourceCapabilities {
    return this.#line.input.capabilities;
  }

  get calendar(): CalendarData | undefined {
    return this.#line.input.calendar;
  }

  get sequences(): SequenceNumbers | undefined {
    return this.#line.input.sequences;
  }

  get rowsOf(): string | undefined {
    return this.#line.input.rowsOf;
  }

  get heldByBreaker(): string | undefined {
    return this.#phase === 'opening' || this.#phase === 'open' ? this.#line.input.heldByBreaker : undefined;
  }

  get heldFrom(): Nanos | undefined {
    return this.#phase === 'open' ? this.#line.input.heldFrom : undefined;
  }

  get rowsEverHeld(): number {
    return this.#phase === 'open' ? this.#line.input.rowsEverHeld : 0;
  }

  get goesOn(): boolean {
    return this.#goesOn;
  }

  get rowsRejected(): number {
    return this.#count('rowsRejected');
  }

  get rowsLeftOut(): number {
    return this.#count('rowsLeftOut');
  }

  get bytesIn(): number {
    return this.#count('bytesIn');
  }

  get steps(): number {
    return this.#count('steps');
  }

  get heldNs(): bigint {
    const since = this.#heldSince;
    return this.#heldNs + (since === undefined ? 0n : this.#parts.clock.now() - since);
  }

  get isDrainAwaited(): boolean {
    return this.#phase === 'open' && this.#line.input.isDrainAwaited;
  }

  get trouble(): string | undefined {
    return this.#phase === 'open' ? this.#line.input.trouble : undefined;
  }

  statistics(): StageStatistics {
    return this.#line.input.statistics();
  }

  async open({ anew = false, behind, isFollowed = false }: OpenOptions = {}): Promise<void> {
    const isFirst = this.#phase === 'new';
    invariant(isFirst || this.#phase === 'closed', 'an input on demand is closed before it is opened');
    const life = ++this.#life;
    if (anew) this.#saved = undefined;
    const isOver = () => life !== this.#life;
    this.#phase = 'waiting';
    await this.#closing;
    if (isOver()) return;
    try {
      if (!isFirst) this.#renew();
    } catch (error) {
      this.#phase = 'closed'; // the line that was closed stays
      throw error;
    }
    this.#phase = 'opening';
    const line = this.#line;
    if (isFollowed) line.input.willBeFollowed();
    const opening = this.#openLine(line, behind);
    this.#opening = opening.catch(() => undefined);
    try {
      await opening;
      this.#throwIfBrokenOff();
    } catch (error) {
      if (!isOver()) await this.close();
      throw error;
    }
    if (isOver()) return;
    this.#goesOn = this.#saved !== undefined;
    this.#saved = undefined;
    this.#phase = 'open';
    await this.#join(line);
  }

  close({ toGoOn = false } = {}): Promise<void> {
    const closing = this.#closing ?? Promise.resolve();
    if (this.#phase === 'new' || this.#phase === 'closed') return closing;
    this.#life++;
    if (this.#phase === 'waiting') {
      this.#phase = 'closed';
      return closing;
    }
    const line = this.#line;
    const { input, lifecycle } = line;
    if (this.#phase === 'open' && toGoOn) this.#saved = this.#savedNow(line);
    if (this.#phase === 'opening') {
      lifecycle.interrupt();
      this.#tellToStop(input);
    }
    this.#phase = 'closed';
    this.#closing = this.#end(line).catch((err: unknown) => {
      this.#parts.log.error({ err, input: input.title }, 'a source could not be closed');
    });
    return this.#closing;
  }

  read(): Promise<Batch | null> | Batch | null {
    invariant(this.#phase === 'open', 'an input on demand is open when it is read');
    return this.#line.input.read();
  }

  start(): void {
    this.#isStarted = true;
    this.#ifOpen(({ input, inner }) => {
      input.start();
      inner.start();
    });
  }

  drain(): void {
    this.#isDrained = true;
    this.#ifOpen(({ input, inner }) => {
      inner.drain();
      input.drain();
    });
  }

  breakOff(reason: unknown): void {
    this.#brokenOff ??= { reason };
    if (this.#phase !== 'opening' && this.#phase !== 'open') return;
    const { input, inner, lifecycle } = this.#line;
    if (this.#phase === 'opening') lifecycle.interrupt();
    inner.breakOff(reason);
    input.breakOff(reason);
  }

  async suspend(): Promise<void> {
    if (this.#phase !== 'open') return;
    const { input, inner } = this.#line;
    await Promise.all([inner.suspend(), input.suspend()]);
  }

  hold(): void {
    this.#heldSince = this.#parts.clock.now();
    this.#ifOpen(({ input, inner }) => {
      input.hold();
      inner.hold();
    });
  }

  goOn(heldNs: bigint): void {
    this.#heldSince = undefined;
    this.#heldNs += heldNs;
    this.#ifOpen(({ input, inner }) => {
      input.goOn(heldNs);
      inner.goOn(heldNs);
    });
  }

  async freeze(): Promise<void> {
    this.#isFrozen = true;
    if (this.#phase !== 'open') return;
    const { input, inner } = this.#line;
    await input.freeze();
    await inner.freeze();
  }

  thaw(): void {
    this.#isFrozen = false;
    this.#ifOpen(({ input, inner }) => {
      input.thaw();
      inner.thaw();
    });
  }

  snapshot(): PlainData {
    const { input, states } = this.#line;
    const counts = Object.fromEntries(COUNTS.map((name) => [name, this.#count(name)]));
    if (this.#phase !== 'open') return { counts, ...(this.#saved && { ...this.#saved }) };
    return { counts, line: input.snapshot(), states: states.take() };
  }

  lettersBehind(): readonly LettersBehind[] {
    if (this.#phase !== 'open') return [];
    const { input, inner } = this.#line;
    return [...input.lettersBehind(), ...inner.lettersBehind()];
  }

  async restore(state: PlainData): Promise<void> {
    const { counts, line, states } = (state ?? {}) as unknown as Partial<SavedInput>;
    for (const name of COUNTS) if (name !== 'steps') this.#before[name] = counts?.[name] ?? 0;
    if (line !== undefined && states !== undefined) this.#saved = { line, states };
  }

  async end(): Promise<void> {
    await this.close();
  }

  #make(): Line {
    const { owner, make, clock, log } = this.#parts;
    const input = make();
    const places = placesInInput(owner as unknown as StagePlace<Named<Stage>>, placed(input));
    return {
      input,
      // The stage that opens it knows how long it may take, and closes it if it takes longer.
      lifecycle: lifecycleOfInput(input, { clock, log, openDeadlineMs: undefined }),
      inner: new PipelineInputs(places),
      states: new LineStates(places),
    };
  }

  #renew(): void {
    for (const name of COUNTS) this.#before[name] = this.#count(name);
    this.#line = this.#make();
  }

  async #openLine(line: Line, behind: LastRows | undefined): Promise<void> {
    this.#throwIfBrokenOff();
    await line.lifecycle.open();
    if (this.#phase !== 'opening') return;
    if (this.#saved) await this.#restore(line, this.#saved);
    else if (behind) line.input.goOnBehind(behind);
  }

  /** Where it has come to rest after a failure of its source; `undefined` if that is not known. */
  #savedNow({ input, states }: Line): SavedLine | undefined {
    try {
      return { line: input.snapshot(), states: states.take() };
    } catch {
      return undefined; // it begins anew
    }
  }

  /** An `open` in progress may wait for a provider. */
  #tellToStop({ source }: StageInput): void {
    const failed = (err: unknown) =>
      this.#parts.log.error({ err, input: this.title }, 'a source that opens could not be stopped');
    try {
      const stopping = source.stage.stop();
      if (stopping instanceof Promise) stopping.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  async #restore({ input, states }: Line, { line, states: saved }: SavedLine): Promise<void> {
    const counts = COUNTS.map((name) => this.#count(name));
    states.expect(saved);
    await states.restore(saved);
    await input.restore(line);
    for (const [i, name] of COUNTS.entries()) this.#before[name] = counts[i]! - input[name];
  }

  /** A line that opens late does what all inputs were told meanwhile. */
  async #join({ input, inner }: Line): Promise<void> {
    if (this.#isStarted) {
      input.start();
      inner.start();
    }
    if (this.#heldSince !== undefined) {
      input.hold();
      inner.hold();
    }
    if (this.#isDrained) {
      inner.drain();
      input.drain();
    }
    if (this.#isFrozen) await Promise.all([input.freeze(), inner.freeze()]);
  }

  async #end({ input, inner, lifecycle }: Line): Promise<void> {
    const { clock, rejects, memory } = this.#parts;
    await this.#opening; // a stage is not closed while it opens
    const ends = new Map([[stagesOfInput(input), input.end()], ...inner.end()]);
    for (const [stages, end] of await unsettledAfterGrace(clock, ends)) lifecycle.leave(stages, end);
    await rejects.flush().catch(() => undefined); // told by the next flush
    const failure = await lifecycle.close();
    memory.dropSpares(); // those of its pools, which nobody uses again
    if (failure !== undefined) throw failure;
  }

  #ifOpen(act: (line: Line) => void): void {
    if (this.#phase === 'open') act(this.#line);
  }

  #count(name: keyof Counts): number {
    return this.#before[name] + this.#line.input[name];
  }

  #throwIfBrokenOff(): void {
    if (this.#brokenOff) throw this.#brokenOff.reason;
  }
}

/** The tree of an input: its places are getters, or fields of a class. */
const placed = ({ at, source, operatorsAt, operators }: StageInput) => ({
  at,
  source,
  operatorsAt,
  operators,
});

interface SavedLine {
  readonly line: PlainData;
  readonly states: States;
}

interface SavedInput extends SavedLine {
  readonly counts: Counts;
}
