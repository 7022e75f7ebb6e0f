import { formatIsoNanos } from '../../../columns/iso-nanos.js';
import { PipelineError } from '../../../core/errors.js';

/** Who reads which second source, and what may wait. */
export interface LagSettings {
  /** Id of the operator. */
  readonly id: string;
  /** What the second source is called. */
  readonly side: string;
  /** Rows that may wait for the other input, on either side. */
  readonly rowsMax: number;
  readonly isSideLive: boolean;
  /** Whether the next start may fare better: one of the inputs is live. */
  readonly isRetryable: boolean;
}

/**
 * Rows wait for the second source.
 *
 * @param awaiting - The first of them, if it waits for a row that is later than what the second source has had.
 */
export function sideLags(settings: LagSettings, rowsHeld: number, awaiting?: AwaitingRow): PipelineError {
  const { side, rowsMax, isRetryable } = settings;
  if (awaiting) return laterRowsLag(settings, awaiting, `${rowsHeld} rows wait with it`);
  return lags(
    isRetryable,
    `${side} lags behind the rows, of which ${rowsHeld} wait for it (${rowsMax} may): see whether it still ` +
      'delivers, or raise "rowsMax"',
  );
}

/** Rows of the second source are kept for rows that have not come. */
export function mainLags({ id, side, rowsMax, isRetryable }: LagSettings): PipelineError {
  return lags(
    isRetryable,
    `The rows of ${id} lag behind ${side}, of which ${rowsMax} rows are kept for them, all that may: see why their ` +
      'source is so far behind in time, or give it an order of time if its rows tell the time of their own ' +
      'symbol only, or raise "rowsMax"',
  );
}

/** A row that waits, though the second source has had later rows. */
export interface AwaitingRow {
  /** `null`: rows are joined by time alone. */
  readonly symbol: string | null;
  readonly atNs: bigint;
  /** What it waits for: that none comes that would change the answer, a later row within the tolerance, or any. */
  readonly waitsFor: 'watermark' | 'tolerance' | 'any';
}

/**
 * A row waits for later ones of the second source.
 *
 * @param meanwhile - What there is no more room for: `5 rows are kept`.
 */
export function laterRowsLag(
  { side, isSideLive, isRetryable }: LagSettings,
  { symbol, atNs, waitsFor }: AwaitingRow,
  meanwhile: string,
): PipelineError {
  const rows = symbol === null ? 'its rows' : `its rows of "${symbol}"`;
  const advice = ADVICE[waitsFor === 'watermark' ? (isSideLive ? 'delay' : 'order') : waitsFor];
  return lags(
    isRetryable,
    `${side} lags with ${rows}: a row at ${formatIsoNanos(atNs)} waits for later ones, and ${meanwhile} meanwhile, ` +
      `all that may: ${advice}, or raise "rowsMax"`,
  );
}

const ADVICE = {
  order:
    'give it an order of time (`order: time` of replay), since its rows tell the time of their own symbol only',
  delay: 'lower its "maxDelay", if it has one, since rows wait as long as that',
  tolerance: 'lower "tolerance", since rows wait as long as that',
  any: 'set "tolerance", so that no row waits for a later one however long',
};

const lags = (retryable: boolean, message: string): PipelineError =>
  new PipelineError('INPUT_LAGS', message, { retryable });
