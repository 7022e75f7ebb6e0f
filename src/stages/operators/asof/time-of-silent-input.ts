import type { Batch } from '../../../columns/batch.js';
import type { Schema } from '../../../columns/schema.js';
import type { Nanos } from '../../../core/units.js';
import { LatestEventTime } from '../../../engine/event-time/latest-event-time.js';

/** How long the least lag of the other input counts, twice at most: the clock may go faster than event time. */
const LAG_NS = 60_000_000_000n;

export interface SilentInputSettings {
  /** How far behind the rows of the other input it may be. */
  readonly idleNs: bigint;
  /** Whether its rows tell the time of all symbols. */
  readonly tellsByRows: boolean;
  /** Schema of the rows of the other input. */
  readonly other: Schema;
  /** The monotonic clock, which stands still during a pause. */
  now(): Nanos;
}

/**
 * Tells the time in place of a live input that has not told it in this start. How far its rows are behind the
 * clock is not known before the first one, so the pipeline has no watermark for it; and behind an operator that
 * changes the time of rows, there is none at all. It is then taken to be at most `idle` behind the rows of the
 * other input.
 */
export class TimeOfSilentInput {
  readonly #settings: SilentInputSettings;
  #since: Nanos | undefined;
  readonly #latest: LatestEventTime;
  /** The least that rows of the other input were behind the clock: lately, and in the time before that. */
  #lagNs: bigint | undefined;
  #earlierLagNs: bigint | undefined;
  #lagSince = 0n;
  #hasRows = false;
  #hasToldTime = false;
  #hasBegun = false;

  constructor(settings: SilentInputSettings) {
    this.#settings = settings;
    this.#latest = new LatestEventTime(settings.other);
  }

  /** Whether the input tells its time by itself. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Whether it has had a row in this start. */
  get hasRows(): boolean {
    return this.#hasRows;
  }

  /** Whether it has ever told its time, in an earlier start, too. */
  get hasToldTime(): boolean {
    return this.#hasToldTime;
  }

  /** @param hasToldTime - In an earlier start. Then it will again, once it has come as far. */
  restore(hasToldTime: boolean): void {
    this.#hasToldTime = hasToldTime;
  }

  /** Called once the inputs are read: from the first call on, it is waited for. */
  start(): void {
    this.#since ??= this.#settings.now();
  }

  /** Called with what the input gives. */
  pass({ length, controls }: Batch): void {
    if (this.#hasBegun) return;
    if (length > 0) this.#hasRows = true;
    const tells = controls.some(({ record }) => record.type === 'watermark' && record.symbol === undefined);
    if (tells || (length > 0 && this.#settings.tellsByRows)) this.#hasToldTime = true;
    this.#hasBegun = tells || (this.#hasRows && this.#hasToldTime);
  }

  /** Called with what the other input gives, when it arrives. */
  passOther(batch: Batch): void {
    if (this.#hasBegun) return;
    this.#latest.pass(batch);
    const { at } = this.#latest;
    if (at === undefined) return;
    const now = this.#settings.now();
    if (now - this.#lagSince >= LAG_NS) {
      this.#earlierLagNs = this.#lagNs;
      this.#lagNs = undefined;
      this.#lagSince = now;
    }
    this.#lagNs = lesser(this.#lagNs, now - at);
  }

  /** How far its time has come; `undefined` while that is open, and once it tells its time by itself. */
  get at(): bigint | undefined {
    if (this.#hasBegun || this.#lagNs === undefined || this.#since === undefined) return undefined;
    const { idleNs } = this.#settings;
    const now = this.#settings.now();
    if (now - this.#since < idleNs) return undefined; // it may begin with older rows
    return now - lesser(this.#earlierLagNs, this.#lagNs) - idleNs;
  }
}

const lesser = (a: bigint | undefined, b: bigint): bigint => (a !== undefined && a < b ? a : b);
