import type { Batch } from '../../../columns/batch.js';
import type { ControlRecord, PlacedControl } from '../../../columns/control-record.js';
import {
  BEFORE_ALL,
  type Instant,
  instantOfText,
  isAfter,
  textOfInstant,
} from '../../../columns/instants.js';
import { readNanos } from '../../../columns/int64.js';
import { type PlainRecord, plainRecord, recordOf } from '../../../columns/plain-record.js';
import { eventTimeIndex, type Schema } from '../../../columns/schema.js';
import type { Clock } from '../../../core/clock.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Nanos } from '../../../core/units.js';
import { RESTART_REASON } from '../../../engine/intake/live-intake.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import type { SequenceNumbers } from '../../../wire/provider-capabilities.js';
import type { DeliveredByAll } from './delivered-by-all.js';
import type { SequenceMarks } from './sequence-marks.js';
import { LEAVE_REASONS, type LeaveReason } from './source-choice.js';
import { Stitch } from './stitch.js';

/** Records that may wait for the first row behind a seam. */
const WAITING_MAX = 1_000;

export interface SwitchedStreamSettings {
  readonly schema: Schema;
  /** How all sources number their rows. `undefined`: no numbers are compared. */
  readonly numbers: Pick<SequenceNumbers, 'scope' | 'step'> | undefined;
  /** Is told of the rows that are delivered, if sources can go on behind them. */
  readonly delivered?: DeliveredByAll | undefined;
  /** How far a row may be behind earlier rows of its symbol, in time. */
  readonly maxDelayNs: number;
  readonly clock: Pick<Clock, 'wall'>;
  readonly log: Logger;
}

/** The opening of the source of a seam that was saved: its next one goes on with it. */
const SAVED_OPENING = -1;

/** Where a batch comes from. */
export interface Origin {
  readonly name: string;
  /** Which opening of the source it is. */
  readonly opening: number;
  /** Whether this opening goes on where the one before has ended. */
  readonly goesOn: boolean;
  /** If so, whether it gives what it missed meanwhile, or tells of it itself. */
  readonly isResumable: boolean;
  /** Whether it gives what was missed behind the last row of any source, or tells of it itself. */
  readonly isBehind: boolean;
  /** The last numbers that this opening has given beside another source, if numbers are compared. */
  readonly given?: SequenceMarks | undefined;
}

/** In front of the next row. */
interface Seam {
  readonly to: string;
  readonly opening: number;
  /** What the new source has told before its first row. */
  readonly waiting: PlacedControl[];
  /** Whether the new source sees to it itself that no row is missing, or twice. */
  readonly isWhole: boolean;
}

/**
 * Makes one stream of the rows of several sources. In front of the first row of another source stands one `switched`
 * record. What a new source tells before its first row waits for that.
 */
export class SwitchedStream {
  readonly #settings: SwitchedStreamSettings;
  readonly #stitch: Stitch | undefined;
  readonly #time: number;
  /** The source of the last row that was delivered, or that was to give the first one. */
  #source: string | undefined;
  #opening = -1;
  #hasRows = false;
  /** The seam in front of the next row; `undefined` if that follows on. */
  #seam: Seam | undefined;
  /** Why the source was left. */
  #left: LeaveReason | undefined;
  /** From when on it held rows back that it has not delivered. */
  #heldFrom: Nanos | undefined;
  /** Time of the last row. */
  readonly #latest: Instant = { ...BEFORE_ALL };
  /** The greatest watermark so far. */
  #told: Nanos | undefined;
  #rowsSeen = 0;
  readonly #switches: Record<LeaveReason, number>;

  constructor(settings: SwitchedStreamSettings) {
    const { schema, numbers, maxDelayNs } = settings;
    this.#settings = settings;
    this.#stitch = numbers && new Stitch(schema, numbers, maxDelayNs);
    this.#time = eventTimeIndex(schema);
    this.#switches = Object.fromEntries(LEAVE_REASONS.map((reason) => [reason, 0])) as Record<
      LeaveReason,
      number
    >;
  }

  /** The source that was delivered last. */
  get source(): string | undefined {
    return this.#source;
  }

  /** Whether the last row was of this opening of a source. */
  isOn(name: string, opening: number): boolean {
    return this.#hasRows && this.#source === name && this.#opening === opening;
  }

  /** A source is to give the next rows. The first one that ever is counts as the source that a switch comes from. */
  chosen(name: string): void {
    this.#source ??= name;
  }

  /**
   * A source was left. That of the last row says why a switch is made.
   * @param heldFrom - From when on it held rows back that nobody has had.
   */
  left(name: string, reason: LeaveReason, heldFrom?: Nanos): void {
    if (name !== this.#source) return;
    this.#left ??= reason;
    this.#heldFrom = earlier(this.#heldFrom, heldFrom);
  }

  /** Passes on rows that follow on to the last ones. */
  goOn(batch: Batch): Batch {
    this.#keepTime(batch);
    this.#note(batch);
    return batch;
  }

  /**
   * Passes on rows of a source.
   * @returns `undefined` if nothing is left of them; the batch is released.
   */
  pass(batch: Batch, origin: Origin): Batch | undefined {
    this.#enter(origin, batch);
    if (this.#seam) return this.#passSeam(batch, this.#seam);
    this.#rowsSeen += this.#stitch?.pass(batch) ?? 0;
    if (batch.controls.length > 0) this.#keepTime(batch);
    if (batch.isEmpty) {
      batch.release();
      return undefined;
    }
    this.#note(batch);
    return batch;
  }

  /**
   * Whether rows may be missing in front of a batch, or come twice: it is of a source that did not know what was
   * delivered.
   */
  lacks(batch: Batch, origin: Origin): boolean {
    if (!this.#hasRows || origin.isBehind) return false;
    const isNew = this.#source !== origin.name || this.#opening !== origin.opening;
    // Without numbers, what it gave beside another source was dropped.
    if ((isNew || this.#left !== undefined) && !this.#stitch) return true;
    this.#enter(origin, batch);
    if (batch.length === 0) return false;
    return this.#seam?.isWhole !== true && (this.#stitch?.lacks(batch) ?? false);
  }

  /** Whether all rows of a batch have been delivered, as far as numbers tell. */
  hasSeen(batch: Batch): boolean {
    return this.#stitch?.hasSeen(batch) ?? false;
  }

  statistics(): StageStatistics {
    const all = Object.values(this.#switches).reduce((sum, count) => sum + count, 0);
    const byReason = LEAVE_REASONS.map((reason) => [`switches.${reason}`, this.#switches[reason]] as const);
    return { switches: all, ...Object.fromEntries(byReason), rowsSeen: this.#rowsSeen };
  }

  snapshot(): SavedStream {
    return {
      source: this.#source ?? null,
      hasRows: this.#hasRows,
      left: this.#left ?? null,
      ...(this.#heldFrom !== undefined && { heldFrom: String(this.#heldFrom) }),
      latest: textOfInstant(this.#latest),
      told: this.#told === undefined ? null : String(this.#told),
      rowsSeen: this.#rowsSeen,
      switches: { ...this.#switches },
      marks: this.#stitch?.snapshot() ?? null,
      ...(this.#seam && {
        seam: {
          to: this.#seam.to,
          waiting: this.#seam.waiting.map(({ record }) => plainRecord(record)),
          ...(this.#seam.isWhole && { isWhole: true }),
        },
      }),
    };
  }

  restore(saved: SavedStream): void {
    const { source, hasRows, left, heldFrom, latest, told, rowsSeen, switches, marks, seam } = saved;
    this.#source = source ?? undefined;
    this.#hasRows = hasRows;
    this.#left = left ?? undefined;
    this.#heldFrom = heldFrom === undefined ? undefined : (BigInt(heldFrom) as Nanos);
    Object.assign(this.#latest, instantOfText(latest));
    this.#told = told === null ? undefined : (BigInt(told) as Nanos);
    this.#rowsSeen = rowsSeen;
    Object.assign(this.#switches, switches);
    if (marks !== null) this.#stitch?.restore(marks);
    const waiting = (seam?.waiting ?? []).map((record) => ({ row: 0, record: recordOf(record) }));
    this.#seam = seam && { to: seam.to, opening: SAVED_OPENING, waiting, isWhole: seam.isWhole ?? false };
  }

  #enter(origin: Origin, batch: Batch): void {
    const { name, opening } = origin;
    if (this.#source !== name || this.#opening !== opening || this.#left !== undefined)
      this.#begin(origin, batch);
  }

  /** The next rows are of another source, or of another opening. */
  #begin({ name, opening, goesOn, isResumable, isBehind, given }: Origin, batch: Batch): void {
    if (this.#seam?.to === name && this.#seam.opening === opening) return;
    const isSaved = this.#seam?.to === name && this.#seam.opening === SAVED_OPENING;
    const waiting = isSaved ? this.#seam!.waiting : [];
    // An opening that was left may have had rows meanwhile.
    const isResumed = goesOn && opening !== this.#opening;
    const isOther = this.#source !== name || opening !== this.#opening;
    const isWhole = isOther && (isBehind || (isResumed && isSaved && this.#seam!.isWhole));
    // Numbers say exactly what a live source has missed over a restart.
    const followsOn =
      !this.#hasRows || isWhole || (isResumed && (isResumable || this.#stitch?.tellsAll !== true));
    if (isWhole) this.#stitch?.rest();
    if (this.#source === name && followsOn && waiting.length === 0) {
      this.#opening = opening;
      this.#seam = undefined;
      this.#left = undefined;
      this.#heldFrom = undefined;
      return;
    }
    this.#seam = { to: name, opening, waiting, isWhole };
    if (isWhole) return;
    this.#stitch?.begin({
      from: this.#source ?? name,
      to: name,
      since: this.#since,
      hasHeld: this.#heldFrom !== undefined,
      given,
      isSame: !isOther,
    });
    const told = waiting.map(({ record }) => record);
    this.#stitch?.heed(told, batch);
  }

  #passSeam(batch: Batch, seam: Seam): Batch | undefined {
    if (this.#stitch?.tellsAll) batch.controls = batch.controls.filter(({ record }) => !isRestartGap(record));
    if (batch.length === 0) this.#heedAll(batch);
    else this.#rowsSeen += this.#stitch?.pass(batch) ?? 0;
    this.#keepTime(batch);
    if (batch.length === 0) {
      // Its time is not that of the stream yet.
      const waiting = batch.controls.filter(({ record }) => record.type !== 'watermark');
      seam.waiting.push(...waiting.slice(0, WAITING_MAX - seam.waiting.length));
      batch.release();
      return undefined;
    }
    const first: PlacedControl[] = [
      ...this.#recordsOf(seam, batch),
      ...seam.waiting.map(({ record }) => record),
    ].map((record) => ({ row: 0, record }));
    batch.controls = [...first, ...batch.controls];
    this.#source = seam.to;
    this.#opening = seam.opening;
    this.#seam = undefined;
    this.#left = undefined;
    this.#heldFrom = undefined;
    this.#note(batch);
    return batch;
  }

  /** Without rows, records stand where they like. */
  #heedAll(batch: Batch): void {
    if (!this.#stitch || batch.controls.length === 0) return;
    const told = batch.controls.map(({ record }) => record);
    batch.controls = this.#stitch.heed(told, batch).map((record) => ({ row: 0, record }));
  }

  /** What stands in front of the first row behind a seam. */
  #recordsOf({ to, opening, isWhole }: Seam, batch: Batch): ControlRecord[] {
    const isSameOpening = opening === this.#opening;
    const from = this.#source!; // set before anything is delivered
    const reason = this.#left ?? 'restart';
    const at = this.#timeOf(batch, 0);
    // What the last source held back is fetched by one that goes on behind its rows.
    const since = (isWhole ? this.#since : earlier(this.#since, this.#heldFrom)) ?? at;
    const isExact = !this.#hasRows || isWhole || (this.#stitch?.isExact ?? false);
    const { log } = this.#settings;
    if (from !== to) {
      const seam = isExact ? 'exact' : 'unknown';
      this.#switches[reason]++;
      log.warn({ from, to, reason, seam }, 'the rows come from another source from here on');
      return [{ type: 'switched', at, since, from, to, reason, seam }];
    }
    log.info({ source: to, reason }, 'the rows come from the same source again');
    if (isExact) return [];
    const [begin, end] = since <= at ? [since, at] : [at, since];
    const how = isSameOpening ? 'was read again after it was left' : 'was opened again';
    return [{ type: 'gap', from: begin, to: (end + 1n) as Nanos, reason: `${to} ${how} (${reason})` }];
  }

  /** Drops watermarks that are behind the stream: another source may be behind in time. */
  #keepTime(batch: Batch): void {
    let isBehind = false;
    const isBehindNow = ({ record }: PlacedControl): boolean => {
      if (record.type !== 'watermark' || record.symbol !== undefined) return false;
      if (this.#told !== undefined && record.at <= this.#told) return true;
      // Without rows behind a seam, it is not passed on.
      if (!this.#seam || batch.length > 0) this.#told = record.at;
      return false;
    };
    const kept: PlacedControl[] = [];
    for (const placed of batch.controls) {
      if (isBehindNow(placed)) isBehind = true;
      else kept.push(placed);
    }
    if (isBehind) batch.controls = kept;
  }

  #note(batch: Batch): void {
    const { length } = batch;
    if (length === 0) return;
    this.#hasRows = true;
    this.#stitch?.note(batch);
    this.#settings.delivered?.note(batch);
    if (this.#time < 0) return;
    const words = batch.columns[this.#time] as Int32Array;
    const high = words[2 * length - 1]!;
    const low = words[2 * length - 2]! >>> 0;
    if (!isAfter(high, low, this.#latest)) return;
    this.#latest.high = high;
    this.#latest.low = low;
  }

  get #since(): Nanos | undefined {
    const { high, low } = this.#latest;
    return Number.isFinite(high) ? (((BigInt(high) << 32n) | BigInt(low)) as Nanos) : undefined;
  }

  #timeOf(batch: Batch, row: number): Nanos {
    if (this.#time < 0) return this.#settings.clock.wall();
    return readNanos(batch.columns[this.#time] as Int32Array, row);
  }
}

const earlier = (one: Nanos | undefined, other: Nanos | undefined): Nanos | undefined =>
  one === undefined || (other !== undefined && other < one) ? (other ?? one) : one;

const isRestartGap = (record: ControlRecord): boolean =>
  record.type === 'gap' && record.reason === RESTART_REASON;

export interface SavedStream {
  readonly source: string | null;
  readonly hasRows: boolean;
  readonly left: LeaveReason | null;
  readonly heldFrom?: string;
  readonly latest: string;
  readonly told: string | null;
  readonly rowsSeen: number;
  readonly switches: Readonly<Partial<Record<LeaveReason, number>>>;
  readonly marks: PlainData;
  /** In front of the next row, with what its source has told before it. */
  readonly seam?: {
    readonly to: string;
    readonly waiting: readonly PlainRecord[];
    readonly isWhole?: boolean;
  };
}
