import type { Batch } from '../../columns/batch.js';
import { compareInt64, readInt64 } from '../../columns/int64.js';
import { eventTimeIndex } from '../../columns/schema.js';
import { retainRows } from '../../columns/selection.js';
import type { Clock } from '../../core/clock.js';
import { PipelineError } from '../../core/errors.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Nanos } from '../../core/units.js';
import { LiveWatermark } from '../event-time/live-watermark.js';
import type { Rejects } from '../rejects.js';
import type { Source } from '../source.js';
import type { Named } from '../stage.js';

/** A day. No clock is wrong by more, so a time further ahead of the wall clock cannot be meant. */
const AHEAD_NS_MAX = 86_400_000_000_000n;

/** The result of checking the rows of a live source. */
export interface LiveRows {
  /** Number of bad rows that were removed from the batch. */
  readonly refused: number;
  /** An error that ends the run after the rows left in the batch. */
  readonly failure?: { readonly error: unknown };
}

const ALL_FINE: LiveRows = { refused: 0 };

/** Reason of the `gap` that a resumed run of a source begins with whose missed rows cannot be had again. */
export const RESTART_REASON = 'restart: rows that came meanwhile are lost';

/**
 * Checks the rows of a live source: refuses times that cannot be meant, and adds watermarks to the stream.
 * After a restart, it tells of the rows that were missed if they cannot be had again.
 */
export class LiveIntake {
  readonly #name: string;
  readonly #source: Source;
  readonly #rejects: Rejects;
  readonly #clock: Clock;
  readonly #timeColumn: number;
  readonly #watermark: LiveWatermark;
  readonly #losesMissed: boolean;
  #rowsSeen = 0;
  /** The greatest event time of all rows. */
  #latest: bigint | undefined;
  /** The same of an earlier start, until the gap since then was told. */
  #missedSince: bigint | undefined;

  constructor({ use, name = use, stage }: Named<Source>, rejects: Rejects, clock: Clock) {
    this.#name = name;
    this.#source = stage;
    this.#rejects = rejects;
    this.#clock = clock;
    this.#timeColumn = eventTimeIndex(stage.schema);
    this.#watermark = new LiveWatermark(stage.order?.maxDelayNs ?? 0);
    this.#losesMissed = stage.capabilities.delivery === 'live-only';
  }

  /** Whether a source is live, has event times, and does not take care of them itself. */
  static isFor({ schema, capabilities, tellsTime }: Source): boolean {
    return tellsTime !== true && capabilities.delivery !== 'replayable' && eventTimeIndex(schema) >= 0;
  }

  /** Removes bad rows from a batch, and appends a watermark if one is due. */
  receive(batch: Batch): LiveRows {
    for (const { record } of batch.controls) {
      if (record.type === 'watermark' && record.symbol === undefined) this.#watermark.heed(record.at);
    }
    const rows = this.#screen(batch);
    const now = this.#clock.now();
    if (batch.length > 0) {
      const times = batch.columns[this.#timeColumn] as Int32Array;
      const least = readInt64(times, leastRow(times, batch.length));
      const greatest = readInt64(times, greatestRow(times, batch.length));
      if (!this.#source.isCatchingUp) this.#watermark.receive(now, least, greatest);
      this.#note(batch, times, least, greatest);
    }
    this.mark(batch, now);
    return rows;
  }

  /** Appends a watermark if one is due. @returns Whether it did. */
  mark(batch: Batch, now: Nanos): boolean {
    const at = this.#watermark.next(now, this.#source.heldFrom);
    if (at === undefined) return false;
    batch.controls.push({ row: batch.length, record: { type: 'watermark', at: at as Nanos } });
    return true;
  }

  /** The state for a checkpoint. Of the lags, which depend on the clock of this process, it has the spread. */
  snapshot(): PlainData {
    const { at, spreadNs } = this.#watermark;
    const latest = this.#latest;
    return {
      rowsSeen: this.#rowsSeen,
      watermark: at === undefined ? null : String(at),
      ...(latest !== undefined && { latest: String(latest) }),
      ...(spreadNs > 0n && { lagSpread: String(spreadNs) }),
    };
  }

  /** @throws {PipelineError} `CHECKPOINT_INVALID`. */
  restore(state: PlainData | undefined): void {
    const { rowsSeen, watermark, latest, lagSpread } = (state ?? {}) as {
      readonly rowsSeen?: unknown;
      readonly watermark?: unknown;
      /** Missing before the first row, and in checkpoints of earlier releases. */
      readonly latest?: unknown;
      /** In ns. Missing while there is none, and in checkpoints of earlier releases. */
      readonly lagSpread?: unknown;
    };
    const isKnown =
      (watermark === null || isInstant(watermark)) &&
      [latest, lagSpread].every((instant) => instant === undefined || isInstant(instant));
    if (!Number.isSafeInteger(rowsSeen) || !isKnown) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        'Expected the state "intake" of a live source, {rowsSeen, watermark, latest, lagSpread}, found something else',
      );
    }
    this.#rowsSeen = rowsSeen as number;
    if (watermark !== null) this.#watermark.heed(BigInt(watermark as string));
    if (lagSpread !== undefined) this.#watermark.expectSpread(BigInt(lagSpread as string));
    if (latest === undefined) return;
    this.#latest = BigInt(latest as string);
    if (this.#losesMissed) this.#missedSince = this.#latest;
  }

  /** Called after a pause in which nothing was read, although rows may have arrived. */
  standStill(ns: bigint): void {
    this.#watermark.standStill(ns);
  }

  /** Tells of what was missed before the first rows after a restart. */
  #note(batch: Batch, times: Int32Array, least: bigint, greatest: bigint): void {
    if (this.#latest === undefined || greatest > this.#latest) this.#latest = greatest;
    const from = this.#missedSince;
    if (from === undefined) return;
    const to = least > from ? least : leastAfter(times, batch.length, from);
    if (to === undefined) return; // rows that come late: the gap ends with the first one after it began
    this.#missedSince = undefined;
    const record = { type: 'gap', from: from as Nanos, to: to as Nanos, reason: RESTART_REASON } as const;
    batch.controls.unshift({ row: 0, record });
  }

  #screen(batch: Batch): LiveRows {
    const { length } = batch;
    const first = this.#rowsSeen + 1;
    this.#rowsSeen += length;
    if (length === 0) return ALL_FINE;
    const times = batch.columns[this.#timeColumn] as Int32Array;
    const latestMax = this.#clock.wall() + AHEAD_NS_MAX;
    if (readInt64(times, greatestRow(times, length)) <= latestMax) return ALL_FINE;

    const keep = new Uint8Array(length).fill(1);
    let refused = 0;
    let failure: LiveRows['failure'];
    for (let row = 0; row < length; row++) {
      const time = readInt64(times, row);
      if (time <= latestMax) continue;
      refused++;
      keep[row] = 0;
      try {
        this.#refuse(time, first + row);
      } catch (error) {
        failure = { error };
        keep.fill(0, row);
        break;
      }
    }
    retainRows(batch, keep);
    return failure ? { refused, failure } : { refused };
  }

  #refuse(time: bigint, ordinal: number): void {
    this.#rejects.add({
      file: this.#name,
      line: ordinal,
      field: 'time',
      expected: `a time at most a day ahead of the clock (${toText(this.#clock.wall())})`,
      found: toText(time),
    });
  }
}

const isInstant = (value: unknown): boolean => typeof value === 'string' && /^-?\d{1,20}$/.test(value);

/** Formats as ISO 8601 with milliseconds; any 64 bits of nanoseconds fit a `Date`. */
const toText = (instant: bigint): string => new Date(Number(instant / 1_000_000n)).toISOString();

function leastRow(times: Int32Array, length: number): number {
  let least = 0;
  for (let row = 1; row < length; row++) if (compareInt64(times, row, times, least) < 0) least = row;
  return least;
}

/** The earliest time after an instant; `undefined` if there is none. */
function leastAfter(times: Int32Array, length: number, instant: bigint): bigint | undefined {
  let least: bigint | undefined;
  for (let row = 0; row < length; row++) {
    const time = readInt64(times, row);
    if (time > instant && (least === undefined || time < least)) least = time;
  }
  return least;
}

function greatestRow(times: Int32Array, length: number): number {
  let greatest = 0;
  for (let row = 1; row < length; row++) if (compareInt64(times, row, times, greatest) > 0) greatest = row;
  return greatest;
}
