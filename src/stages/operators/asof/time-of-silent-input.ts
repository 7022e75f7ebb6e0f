import type { Batch } from '../../../columns/batch.js';
import type { Schema } from '../../../columns/schema.js';
import type { Nanos } from '../../../core/units.js';
import { LatestEventTime } from '../../../engine/event-time/latest-event-time.js';

export interface SilentInputSettings {
  /** How far behind the rows of the other input it may be. */
  readonly idleNs: bigint;
  /** Schema of the rows of the other input. */
  readonly other: Schema;
  /** The monotonic clock, which stands still during a pause. */
  now(): Nanos;
}

/**
 * Tells the time in place of a live input that has given nothing in this start. How far its rows are behind the
 * clock is not known before the first one, so the pipeline has no watermark for it. It is then taken to be at
 * most `idle` behind the rows of the other input.
 */
export class TimeOfSilentInput {
  readonly #settings: SilentInputSettings;
  #since: Nanos | undefined;
  readonly #latest: LatestEventTime;
  /** The least that rows of the other input were behind the clock. */
  #lagNs: bigint | undefined;
  #hasBegun = false;

  constructor(settings: SilentInputSettings) {
    this.#settings = settings;
    this.#latest = new LatestEventTime(settings.other);
  }

  /** Whether the input tells its time by itself. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Called once the inputs are read: from the first call on, it is waited for. */
  start(): void {
    this.#since ??= this.#settings.now();
  }

  /** Called with what the input gives. */
  pass({ length, controls }: Batch): void {
    const tells = controls.some(({ record }) => record.type === 'watermark' && record.symbol === undefined);
    if (length > 0 || tells) this.#hasBegun = true;
  }

  /** Called with what the other input gives, when it arrives. */
  passOther(batch: Batch): void {
    if (this.#hasBegun) return;
    this.#latest.pass(batch);
    const { at } = this.#latest;
    if (at === undefined) return;
    const lagNs = this.#settings.now() - at;
    if (this.#lagNs === undefined || lagNs < this.#lagNs) this.#lagNs = lagNs;
  }

  /** How far its time has come; `undefined` while that is open, and once it tells its time by itself. */
  get at(): bigint | undefined {
    if (this.#hasBegun || this.#lagNs === undefined || this.#since === undefined) return undefined;
    const { idleNs } = this.#settings;
    const now = this.#settings.now();
    if (now - this.#since < idleNs) return undefined; // it may begin with older rows
    return now - this.#lagNs - idleNs;
  }
}
