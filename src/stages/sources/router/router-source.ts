import type { CalendarData } from '../../../calendars/calendar-data.js';
import { calendarDataOf } from '../../../calendars/named-calendar.js';
import type { MarketHours } from '../../../calendars/open-time.js';
import { TradingCalendar } from '../../../calendars/trading-calendar.js';
import { appendRows, Batch } from '../../../columns/batch.js';
import type { EventOrder } from '../../../columns/event-order.js';
import { loadBatch, saveBatch } from '../../../columns/saved-batch.js';
import type { Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import { invariant } from '../../../core/invariant.js';
import type { PlainData } from '../../../core/plain-data.js';
import { ProviderError } from '../../../core/provider-error.js';
import { Random } from '../../../core/random.js';
import { retryAfterMsOf } from '../../../core/retry-after.js';
import { NANOS_PER_MILLI } from '../../../core/units.js';
import { isOnDemand } from '../../../engine/input.js';
import { passesUncopied } from '../../../engine/inputs/equal-columns.js';
import { calendarOfAll, capabilitiesOfAll, orderOfAll } from '../../../engine/inputs/promise-of-inputs.js';
import type { Source } from '../../../engine/source.js';
import type { SourceCapabilities } from '../../../engine/source-capabilities.js';
import type { StageContext } from '../../../engine/stage.js';
import type { StageHealth, StageStatistics } from '../../../wire/pipeline-report.js';
import { DeliveredByAll, type SavedDelivered } from './delivered-by-all.js';
import { isOfTheJob, mayRecover, noSourceLeft, textOfCause } from './failures.js';
import { silenceOf, troubleOf } from './lane-trouble.js';
import { News } from './news.js';
import type { RouterOptions } from './options.js';
import { Outage } from './outage.js';
import { RouterLane } from './router-lane.js';
import { healthOf, statisticsOf } from './router-report.js';
import { SequenceMarks } from './sequence-marks.js';
import { commonNumbers } from './sequence-space.js';
import { SilenceWatch } from './silence-watch.js';
import { SourceChoice, type SourceFailure } from './source-choice.js';
import { nameOfSource } from './source-names.js';
import { type Origin, type SavedStream, SwitchedStream } from './switched-stream.js';

/** A read that waits returns after this time, without rows: a checkpoint is taken between reads. */
const WAIT_NS_MAX = 200_000_000n;

/** While a source gives rows at once, the others are looked at no more often. */
const QUIET_NS_MAX = 50_000_000n;
/** Batches of which nothing is left, one after another, before others have their turn. */
const DROPPED_IN_A_ROW = 32;

/** The opening of a source that rows of a checkpoint are of. */
const BEFORE_ANY = 0;

/**
 * Reads one of several sources, and goes to another one when that fails. Which one is up to `SourceChoice`; how its
 * rows follow on to those of the one before, to `SwitchedStream`. This class opens, reads and closes what they say.
 */
export class RouterSource implements Source {
  readonly schema: Schema;
  readonly capabilities: SourceCapabilities;
  readonly order: EventOrder;
  readonly calendar: CalendarData | undefined;
  /** It passes on the watermarks of the source that it reads, which goes by the clock itself. */
  readonly tellsTime = true;
  readonly #options: RouterOptions;
  readonly #context: StageContext;
  readonly #lanes: readonly RouterLane[];
  readonly #choice: SourceChoice;
  readonly #stream: SwitchedStream;
  /** What sources that can be resumed go on behind; `undefined` if they cannot. */
  readonly #delivered: DeliveredByAll | undefined;
  readonly #isReplay: boolean;
  readonly #hasNumbers: boolean;
  /** The source that a checkpoint was taken with, until one is chosen. */
  #resumed: RouterLane | undefined;
  /** Of a checkpoint: what was read of that source and not delivered. */
  #restored: Batch[] = [];
  #counts: Counts | undefined;
  #isStopped = false;
  #isOver = false;
  readonly #outage: Outage;
  #askAt: bigint | undefined;
  /** Until then, nothing but rows of the current source is expected. 0: everything is looked at. */
  #quietUntil = 0n;
  /** When all sources were looked at last. */
  #lookedAt = 0n;
  readonly #news: News;
  /** `undefined`: nobody knows when the market is open. */
  #hours: MarketHours | undefined;

  constructor(options: RouterOptions, schema: Schema, context: StageContext) {
    const { inputs, calendars, clock, seed, log } = context;
    this.#options = options;
    this.#context = context;
    this.#news = new News(clock);
    this.#outage = new Outage(options.downMax);
    this.schema = schema;
    this.capabilities = capabilitiesOfAll(Object.values(inputs));
    // Across a seam that is not known, rows may still come back in time.
    this.order = orderOfAll(Object.values(inputs));
    const { silence, sessions } = options;
    this.calendar =
      sessions === undefined ? calendarOfAll(Object.values(inputs)) : calendarDataOf(sessions, calendars);
    this.#isReplay = this.capabilities.delivery === 'replayable';
    const hours: MarketHours = {
      openBetween: (from, to) => this.#hours?.openBetween(from, to),
      knownOpenBetween: (from, to) => this.#hours?.knownOpenBetween(from, to) ?? 0n,
    };
    const numbers = options.sequence ?? commonNumbers(Object.values(inputs), schema);
    this.#hasNumbers = numbers !== undefined;
    this.#lanes = Object.entries(inputs).map(([id, input]) => {
      invariant(isOnDemand(input), 'a router opens its sources itself');
      const watch = new SilenceWatch({
        schema,
        clock,
        silenceNs: silence === undefined ? undefined : BigInt(silence),
        share: options.silentShare,
        hours,
      });
      return new RouterLane({
        name: nameOfSource(id),
        id,
        input,
        clock,
        silence: watch,
        ...(numbers && { newMarks: () => new SequenceMarks(schema, numbers.scope) }),
        onNews: () => this.#tell(),
      });
    });
    const { maxDelayNs } = this.order;
    const delivered = DeliveredByAll.of(Object.values(inputs), {
      schema,
      maxDelayNs,
      dictionaries: context.dictionaries,
      clock,
    });
    this.#delivered = delivered;
    this.#stream = new SwitchedStream({ schema, numbers, delivered, maxDelayNs, clock, log });
    const random = new Random(seed);
    this.#choice = new SourceChoice({
      strategy: options.strategy,
      weights: this.#weights(),
      mayStandBy: this.#lanes.map(({ isReplay }) => !isReplay),
      isHot: options.standby === 'hot',
      holdNs: BigInt(options.hold),
      coolDownNs: BigInt(options.coolDown),
      restNs: { min: BigInt(options.backOff), max: BigInt(options.backOffMax) },
      random: () => random.next(),
    });
  }

  /** Loads the calendar by which silence is judged, if it is. */
  async open(): Promise<void> {
    if (this.#options.silence === undefined || this.#isReplay) return;
    this.#hours = this.calendar && (await TradingCalendar.of(this.calendar));
    if (this.#hours) return;
    const message =
      'no source is left for its silence: nobody knows when its market is open; "sessions" says it';
    this.#context.log.warn({ silenceMs: this.#options.silence / 1e6 }, message);
  }

  get rowsRejected(): number {
    return this.#counted().rowsRejected;
  }

  get rowsLeftOut(): number {
    return this.#counted().rowsLeftOut;
  }

  get bytesIn(): number {
    return this.#counted().bytesIn;
  }

  /** Rows of a live source that were read are lost unless they are delivered. */
  get holdsRows(): boolean {
    return !this.#isReplay && !this.#isOver;
  }

  read(): Promise<Batch | null> | Batch | null {
    const ready = this.#next();
    return ready === undefined ? this.#readOn() : ready;
  }

  /** After it, no source is opened any more. A live one that is open is read to its end. */
  stop(): void {
    this.#isStopped = true;
    this.#quietUntil = 0n;
    this.#news.wake();
  }

  standStill(ns: bigint): void {
    for (const lane of this.#lanes) lane.standStill(ns);
    this.#outage.standStill(ns);
  }

  position(): PlainData {
    const current = this.#current ?? this.#resumed;
    const saved: SavedRouter = {
      current: current?.id ?? null,
      // What a source gives beside the current one is dropped anyway.
      held: [...this.#restored, ...(current?.batches ?? [])].map(saveBatch),
      stream: this.#stream.snapshot(),
      delivered: this.#delivered?.snapshot() ?? null,
    };
    return saved as unknown as PlainData;
  }

  resume(position: PlainData): void {
    this.#counts = undefined;
    const { current, held, stream, delivered } = (position ?? {}) as unknown as Partial<SavedRouter>;
    const source = this.#lanes.findIndex(({ id }) => id === current);
    if (stream === undefined || !Array.isArray(held) || (current !== null && source < 0)) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        'Expected the position of a router, {current, held, stream}, with a source that it has, found something else',
      );
    }
    this.#stream.restore(stream);
    if (delivered) this.#delivered?.restore(delivered);
    const lane = this.#lanes[source];
    this.#resumed = lane;
    if (!lane) return;
    const isNext = this.#options.strategy === 'round-robin' && !lane.isReplay && this.#lanes.length > 1;
    this.#choice.goOnWith(source, isNext);
    const batches = held.map((saved) => loadBatch(saved, lane.input.schema, this.#context.dictionaries));
    // The rows of the source that was delivered come first, whatever becomes of it.
    if (this.#stream.source === lane.name || isNext) this.#restored = batches;
    else lane.putBack(batches);
  }

  statistics(): StageStatistics {
    const now = this.#context.clock.now();
    return { ...this.#stream.statistics(), ...statisticsOf(this.#lanes, this.#choice, now) };
  }

  health(): StageHealth {
    return healthOf(this.#lanes, this.#choice.current, this.#options);
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
    for (const batch of this.#restored.splice(0)) batch.release();
  }

  /** Asked several times for each batch, though it changes with a read alone. */
  #counted(): Counts {
    if (this.#counts) return this.#counts;
    const counts = { rowsRejected: 0, rowsLeftOut: 0, bytesIn: 0 };
    for (const { input } of this.#lanes) {
      counts.rowsRejected += input.rowsRejected;
      counts.rowsLeftOut += input.rowsLeftOut;
      counts.bytesIn += input.bytesIn;
    }
    this.#counts = counts;
    return counts;
  }

  /** After this time a source counts as one that works. */
  get #stableNs(): bigint {
    const { hold, backOff } = this.#options;
    return BigInt(Math.max(hold, backOff));
  }

  get #current(): RouterLane | undefined {
    const { current } = this.#choice;
    return current === undefined ? undefined : this.#lanes[current];
  }

  /** Returns what there is now; `undefined` if it has to be waited for. */
  #next(): Batch | null | undefined {
    this.#counts = undefined;
    for (let restored = this.#restored.shift(); restored; restored = this.#restored.shift()) {
      const ready = this.#again(restored);
      if (ready) return ready;
    }
    for (let dropped = 0; ; dropped++) {
      if (dropped === DROPPED_IN_A_ROW) return this.#nothing();
      const now = this.#context.clock.now();
      const lane = now < this.#quietUntil ? this.#current : this.#lookRound(now);
      if (this.#isOver) return null;
      if (this.#isStopped && (!lane?.isOpen || lane.isReplay)) {
        this.#isOver = true;
        return null;
      }
      if (!lane) {
        this.#checkAllDown(now);
        return undefined;
      }
      if (!lane.isOpen) return undefined;
      // One that opens and fails at once is no end of an outage; one that is quiet for long is.
      if (lane.openFor(now) >= this.#stableNs) this.#outage.end();
      lane.read();
      const batch = lane.take();
      if (!batch) this.#quietUntil = 0n;
      if (batch) {
        this.#outage.end();
        const ready = this.#deliver(lane, batch, now);
        if (ready) return ready;
      } else if (!lane.failure && !lane.hasEnded) return undefined;
    }
  }

  /** Delivers rows of a checkpoint: they are of the source that was delivered last, or were to be the first of another one. */
  #again(batch: Batch): Batch | undefined {
    const rows = this.#fitted(batch);
    const { name, isResumable } = this.#resumed!;
    if (this.#stream.source === name) return this.#stream.goOn(rows);
    return this.#stream.pass(rows, {
      name,
      opening: BEFORE_ANY,
      goesOn: false,
      isResumable,
      isBehind: false,
    });
  }

  async #readOn(): Promise<Batch | null> {
    const { clock } = this.#context;
    const until = clock.now() + WAIT_NS_MAX;
    for (;;) {
      this.#news.forget();
      const ready = this.#next();
      if (ready !== undefined) return ready;
      if (this.#news.isThere) continue;
      const wasStopped = this.#isStopped;
      await this.#news.until(this.#nextLook(until));
      const isCut = clock.now() >= until || this.#isStopped !== wasStopped;
      if (isCut && !this.#news.isThere) return this.#nothing();
    }
  }

  #nothing(): Batch {
    return new Batch(this.schema, 1, this.#context.dictionaries);
  }

  /** When it has to look again, though nothing happens. */
  #nextLook(until: bigint): bigint {
    let at = until;
    if (this.#askAt !== undefined && this.#askAt < at) at = this.#askAt;
    const silentAt = this.#current?.silence.askAt;
    // One that was silent already when it was looked at is left once another one helps, and that is news or asked for.
    return silentAt !== undefined && silentAt > this.#lookedAt && silentAt < at ? silentAt : at;
  }

  #tell(): void {
    this.#counts = undefined;
    this.#quietUntil = 0n;
    this.#news.tell();
  }

  /** Looks at all sources, and does what the choice says. @returns The source to read. */
  #lookRound(now: bigint): RouterLane | undefined {
    this.#lookedAt = now;
    this.#look(now);
    if (this.#isOver) return undefined;
    const lane = this.#follow(now);
    const isQuiet = lane?.isOpen && this.#lanes.every((other) => other === lane || other.isClosed);
    const until = now + QUIET_NS_MAX;
    this.#quietUntil = !isQuiet ? 0n : this.#askAt !== undefined && this.#askAt < until ? this.#askAt : until;
    return lane;
  }

  /** Tells the choice what has happened. */
  #look(now: bigint): void {
    for (const [i, lane] of this.#lanes.entries()) {
      if (lane.isClosed) continue;
      const rows = lane.takeNewRows();
      if (rows > 0) this.#choice.gaveRows(i, now);
      // What has come from the current source is delivered before it is left.
      if (i === this.#choice.current && lane.batches.length > 0) continue;
      if (lane.failure) this.#fail(i, 'error', lane.failure.error, now);
      else if (lane.hasEnded) this.#end(i, now);
      else this.#watch(i, lane, now);
    }
  }

  /** A bounded source that ends is the end. A live one never ends by itself. */
  #end(source: number, now: bigint): void {
    const { input, name } = this.#lanes[source]!;
    const isCurrent = source === this.#choice.current;
    const isEnd = input.capabilities.bounded || this.#isStopped;
    if (isCurrent && isEnd) this.#isOver = true;
    else if (input.capabilities.bounded && this.#choice.current === undefined) {
      // In a race: one without rows stays in it, and is the end once all are so.
      this.#isOver = this.#lanes.every((lane, i) => {
        return (lane.isOpen && lane.hasEnded) || this.#choice.stateOf(i, now) === 'out';
      });
    } else {
      const message = `${input.title} ended, though it is live: a close is no end (source ${name} of the router)`;
      this.#fail(source, 'closed', new ProviderError('disconnected', message), now);
    }
  }

  /** Whether a source that gives nothing has to be left. */
  #watch(source: number, lane: RouterLane, now: bigint): void {
    const { openWithin, silence = 0 } = this.#options;
    const trouble = troubleOf(lane, now, openWithin);
    if (trouble) {
      this.#fail(source, trouble.reason, trouble.error, now);
      return;
    }
    if (!lane.isOpen || this.#isReplay) return;
    const found = silenceOf(lane);
    if (found === 'unknown') this.#tellSilence(lane);
    else lane.isSilent = false;
    if (found !== 'silent') return;
    if (source !== this.#choice.current) {
      this.#choice.fellSilent(source);
      return;
    }
    if (!this.#choice.helpsAgainstSilence(now)) return;
    const message = `${lane.input.title} has given no row for ${silence / 1e6} ms (source ${lane.name} of the router)`;
    this.#fail(source, 'silence', new ProviderError('unavailable', message), now);
  }

  /** Where nobody knows whether the market is open, silence is told, and nothing acts on it. */
  #tellSilence(lane: RouterLane): void {
    if (lane.isSilent) return;
    lane.isSilent = true;
    if (lane !== this.#current) return;
    const { silence = 0 } = this.#options;
    const fields = { source: lane.name, silenceMs: silence / 1e6 };
    this.#context.log.warn(
      fields,
      'the source that is read gives no rows, and its market may be closed: it is not left',
    );
  }

  /** @throws The error, if it is the job's own: another source would not help. */
  #fail(source: number, reason: SourceFailure['reason'], error: unknown, now: bigint): void {
    const lane = this.#lanes[source]!;
    const wasCurrent = source === this.#choice.current;
    if (isOfTheJob(error)) throw error;
    if (this.#isStopped) {
      this.#context.log.warn({ source: lane.name, err: error }, 'a source failed after it was asked to end');
      if (wasCurrent) this.#isOver = true;
      return;
    }
    lane.cause = error;
    lane.failures++;
    const { heldFrom } = lane.input;
    lane.close(lane.isResumable && this.#stream.source === lane.name);
    const nowMs = Number(this.#context.clock.wall() / NANOS_PER_MILLI);
    const retryAfterMs = retryAfterMsOf(error, nowMs) ?? 0;
    const recovers = mayRecover(error);
    const retryAfterNs = BigInt(Math.ceil(retryAfterMs * 1e6));
    this.#choice.failed(source, { reason, mayRecover: recovers, retryAfterNs }, now);
    if (wasCurrent) this.#stream.left(lane.name, reason, heldFrom);
    const fields = { source: lane.name, reason, why: textOfCause(error), failures: lane.failures };
    const { log } = this.#context;
    if (wasCurrent) log.warn(fields, 'the source that was read has failed');
    else log.info(fields, 'a source that is not read has failed');
    if (!recovers) log.error(fields, 'a source is left alone: its error does not go away by itself');
  }

  /** Does what the choice says, and returns the source to read. */
  #follow(now: bigint): RouterLane | undefined {
    const before = this.#choice.current;
    const { current, open, askAt } = this.#choice.plan(now);
    this.#askAt = askAt;
    this.#resumed = undefined;
    if (before !== undefined && current !== before) {
      const left = this.#lanes[before]!;
      left.overtaken();
      this.#stream.left(left.name, this.#choice.left, left.input.heldFrom);
    }
    if (current !== undefined) this.#stream.chosen(this.#lanes[current]!.name);
    for (const [i, lane] of this.#lanes.entries()) {
      const isNeeded = open[i]! && (i === current || !this.#isStopped);
      if (isNeeded && lane.isClosed) {
        if (this.#isStopped) continue;
        this.#open(i, i === current);
      } else if (!isNeeded && !lane.isClosed) {
        lane.close();
        this.#choice.closed(i);
      }
      if (i !== current) this.#keepReady(lane, current === undefined);
    }
    return this.#current;
  }

  /** @param isCurrent - Whether its rows are to count: others begin anew, and what they give is dropped, or compared. */
  #open(source: number, isCurrent: boolean): void {
    const lane = this.#lanes[source]!;
    const behind = this.#delivered?.begin(isCurrent);
    lane.open({
      // A file goes on where it was left. A live source does so only while no other one has given rows.
      anew: !lane.isReplay && this.#stream.source !== lane.name,
      behind: lane.goesOnBehind ? behind : undefined,
      isFollowed: this.#areAllFollowed,
    });
    this.#choice.opened(source);
  }

  /** Whether whichever source comes next fetches what the last one held back. */
  get #areAllFollowed(): boolean {
    return this.#delivered !== undefined && this.#lanes.every((lane) => lane.goesOnBehind);
  }

  /** Opens the current source again, behind the last rows: it was open beside the last one, and has missed some of them. */
  #openBehind(lane: RouterLane): void {
    this.#context.log.info({ source: lane.name }, 'a source is opened again, to fetch what it has missed');
    lane.close();
    this.#open(this.#lanes.indexOf(lane), true);
    this.#quietUntil = 0n;
  }

  /** Reads a source that is open beside the current one. @param isRace - Whether its rows may become the first ones. */
  #keepReady(lane: RouterLane, isRace: boolean): void {
    if (!lane.isOpen || lane.failure || lane.hasEnded) return;
    if (isRace && lane.batches.length > 0) {
      if (lane.batches.every(({ length }) => length === 0)) lane.drop();
      else return;
    } else if (this.#hasNumbers) lane.keepLatest((batch) => this.#stream.hasSeen(batch));
    else lane.drop();
    lane.read();
    // Rows that come at once are looked at with the next read: a source may always have more at once.
    if (lane.failure || lane.hasEnded || (isRace && lane.batches.length > 0)) this.#news.tell();
  }

  #deliver(lane: RouterLane, batch: Batch, now: bigint): Batch | undefined {
    let rows = this.#fitted(batch);
    const { name, opening, input, isResumable, isBehind, given } = lane;
    const origin: Origin = { name, opening, goesOn: input.goesOn, isResumable, isBehind, given };
    if (this.#delivered && lane.goesOnBehind && !this.#isStopped && this.#stream.lacks(rows, origin)) {
      rows.release();
      this.#openBehind(lane);
      return undefined;
    }
    if (this.#options.switchOnGap && this.#stream.isOn(lane.name, lane.opening)) {
      const cut = this.#beforeGap(rows, now);
      if (cut === undefined) return undefined;
      rows = cut;
    }
    return this.#stream.pass(rows, origin);
  }

  /** Leaves a source where it lacks rows, if another one is ready. @returns What stands before the gap, if anything. */
  #beforeGap(batch: Batch, now: bigint): Batch | undefined {
    const at = batch.controls.findIndex(({ record }) => record.type === 'gap');
    if (at < 0) return batch;
    const from = this.#current!;
    if (!this.#choice.moveForGap(now)) return batch;
    from.drop();
    from.overtaken();
    this.#stream.left(from.name, 'gap', from.input.heldFrom);
    this.#context.log.warn(
      { source: from.name },
      'the source that was read lacks rows: the next one is ready',
    );
    batch.length = batch.controls[at]!.row;
    batch.controls = batch.controls.slice(0, at);
    if (!batch.isEmpty) return batch;
    batch.release();
    return undefined;
  }

  /** @throws {PipelineError} `SOURCE_FAILED` naming every source, if none is left, or all have been down for too long. */
  #checkAllDown(now: bigint): void {
    if (!this.#choice.areAllDown(now)) return; // a race is on
    this.#outage.goesOn(now);
    const { tooLongAt } = this.#outage;
    const isTooLong = tooLongAt !== undefined && now >= tooLongAt;
    if (this.#choice.areAllOut || isTooLong) throw noSourceLeft(this.#lanes);
    if (tooLongAt !== undefined && (this.#askAt === undefined || tooLongAt < this.#askAt))
      this.#askAt = tooLongAt;
  }

  /** Rows whose columns may be null in other sources are copied. */
  #fitted(batch: Batch): Batch {
    if (passesUncopied(batch.schema, this.schema)) return batch;
    const copy = new Batch(this.schema, Math.max(1, batch.length), this.#context.dictionaries);
    appendRows(batch, 0, batch.length, copy);
    copy.controls = batch.controls;
    copy.origin = batch.origin;
    batch.release();
    return copy;
  }

  #weights(): readonly number[] {
    const { weights } = this.#options;
    const list = Array.isArray(weights) ? weights : this.#lanes.map(({ name }) => weights?.[name]);
    return this.#lanes.map((_, i) => list[i] ?? 1);
  }
}

type Counts = Record<'rowsRejected' | 'rowsLeftOut' | 'bytesIn', number>;

interface SavedRouter {
  readonly current: string | null;
  readonly held: readonly PlainData[];
  readonly stream: SavedStream;
  readonly delivered?: SavedDelivered | null;
}
