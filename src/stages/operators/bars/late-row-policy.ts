import { formatIsoNanos } from '../../../columns/iso-nanos.js';
import type { RowSpot } from '../../../columns/row-origin.js';
import type { Clock } from '../../../core/clock.js';
import { PipelineError } from '../../../core/errors.js';
import { type LateSpot, spotOfLetter, textOfSpot } from '../../../engine/event-time/late-spot.js';
import type { Rejects } from '../../../engine/rejects.js';
import type { Logger } from '../../../telemetry/logger.js';

/** What to do with rows whose window has closed. */
export type LatePolicy = 'stop' | 'drop' | 'keep';

/** What moved a watermark to its current position. */
export interface WatermarkMover {
  readonly timeNs: bigint;
  /** `null` for a `watermark` record of all symbols. */
  readonly row: { readonly symbol: string | null; readonly spot: RowSpot | null } | null;
}

/** A row that came after its window had closed. */
export interface LateRow {
  readonly timeNs: bigint;
  readonly symbol: string | null;
  readonly spot: LateSpot;
  /** End of its window. */
  readonly endNs: bigint;
  /** The watermark that closed the window. */
  readonly watermarkNs: bigint;
  readonly mover: WatermarkMover | undefined;
  /** A lateness that would have kept the window open until now. */
  readonly waitNs: bigint;
  /** A `maxDelay` of the source that would have had the same effect. */
  readonly delayNs: bigint;
  /** Whether only rows of the same symbol can have closed the window. */
  readonly isBySymbol: boolean;
  /** Its values, for the dead letters. */
  readonly values: Readonly<Record<string, number>>;
}

export interface LateRowsSettings {
  /** Id of the stage. */
  readonly stage: string;
  readonly policy: LatePolicy;
  readonly rejects: Rejects;
  /** Whether `keep` can count in a column if there are no dead letters. */
  readonly hasColumn: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Limits of the options. */
const LATENESS_NS_MAX = 100n * 86_400_000_000_000n;
const MAX_DELAY_NS_MAX = 30n * 86_400_000_000_000n;
/** If the watermark is this far ahead of a late row, the row that moved it may be the wrong one. */
const FAR_NS = 43_200_000_000_000n;
/** Minimum time between two warnings. */
const WARN_NS = 60_000_000_000n;

/**
 * Applies the policy for late rows: stops at them, drops them or keeps them. Counts and reports them in
 * any case.
 */
export class LateRows {
  dropped = 0;
  rejected = 0;
  readonly #settings: LateRowsSettings;
  #warnedAt: bigint | undefined;
  #sinceWarned = 0;

  constructor(settings: LateRowsSettings) {
    this.#settings = settings;
  }

  get count(): number {
    return this.dropped + this.rejected;
  }

  /**
   * Handles a late row.
   *
   * @param row - Called only if the row is reported, since finding where it was read may mean scanning
   *   its batch.
   * @throws {PipelineError} `LATE_ROW` if late rows stop the job.
   * @throws {RuntimeError} if there are more dead letters than the spec allows.
   */
  add(row: () => LateRow): void {
    const { policy, rejects, hasColumn, stage } = this.#settings;
    if (policy === 'stop') {
      this.rejected++;
      const late = row();
      throw new PipelineError('LATE_ROW', `${complaint(late, stage)}. ${advice(late)}`);
    }
    if (policy === 'keep' && (rejects.keepsRows || !hasColumn)) {
      this.rejected++;
      rejects.add(deadLetter(row()));
      return;
    }
    this.dropped++;
    this.#warn(row);
  }

  #warn(row: () => LateRow): void {
    const { clock, log, stage } = this.#settings;
    this.#sinceWarned++;
    const now = clock.now();
    if (this.#warnedAt !== undefined && now - this.#warnedAt < WARN_NS) return;
    log.warn(
      { rows: this.#sinceWarned, latest: complaint(row(), stage) },
      'rows came after their bars had closed',
    );
    this.#warnedAt = now;
    this.#sinceWarned = 0;
  }
}

function deadLetter({ timeNs, symbol, spot, endNs, values }: LateRow) {
  const time = formatIsoNanos(timeNs);
  return {
    ...spotOfLetter(spot),
    field: 'time',
    expected: 'a row whose bar is still open',
    found: `a row of ${time}, whose bar closed at ${formatIsoNanos(endNs)}`,
    raw: JSON.stringify({ time, symbol, ...values }),
  };
}

function complaint({ timeNs, symbol, spot, endNs, watermarkNs, mover }: LateRow, stage: string): string {
  const by =
    mover === undefined
      ? ''
      : mover.row
        ? `, moved there by the row of ${named(mover.row.symbol)} at ${formatIsoNanos(mover.timeNs)}` +
          (mover.row.spot ? ` (${textOfSpot(mover.row.spot)})` : '')
        : ', moved there by a record of its source';
  return (
    `${textOfSpot(spot)}: the row of ${named(symbol)} at ${formatIsoNanos(timeNs)} came late for ${stage}: ` +
    `its bar ended at ${formatIsoNanos(endNs)}, and the watermark stood at ${formatIsoNanos(watermarkNs)}${by}`
  );
}

function advice({ timeNs, symbol, waitNs, delayNs, isBySymbol, mover }: LateRow): string {
  const row = mover?.row;
  const ways: string[] = [];
  if (waitNs <= LATENESS_NS_MAX) {
    ways.push(`"lateness" of bars to ${roundedUp(waitNs)} (for this row; later ones may need more)`);
  }
  if (row && delayNs <= MAX_DELAY_NS_MAX) {
    ways.push(`"maxDelay" of replay to ${roundedUp(delayNs)}, if rows may be this far out of order`);
  }
  if (row && isBySymbol) ways.push('"order: time" of replay, if it reads its files as listed');
  else if (row && row.symbol !== symbol) {
    ways.push('"order: listed" of replay, if the symbols come one after the other');
  }
  ways.push('"late" of bars to "drop" or "keep", to continue without such rows');
  const set = `et ${ways.join('; or ')}`;
  if (!mover || !row?.spot || mover.timeNs - timeNs < FAR_NS) return `S${set}`;
  return (
    `If the time at ${textOfSpot(row.spot)} is wrong, remove that row, or set "maxJump" of replay lower and ` +
    `"deadLetter"; else s${set}`
  );
}

const named = (symbol: string | null): string => (symbol === null ? 'no symbol' : `"${symbol}"`);

const UNITS = [
  ['d', 86_400_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
  ['us', 1_000n],
  ['ns', 1n],
] as const;

/**
 * A duration in the syntax of options: in a unit in which it is a whole number, otherwise rounded up in a
 * unit of which it has at least two.
 */
function roundedUp(ns: bigint): string {
  const [unit, unitNs] =
    UNITS.find(([, of]) => ns % of === 0n && ns / of <= 1_000n) ??
    UNITS.find(([, of]) => ns >= 2n * of) ??
    UNITS.at(-1)!;
  return `${(ns + unitNs - 1n) / unitNs}${unit}`;
}
