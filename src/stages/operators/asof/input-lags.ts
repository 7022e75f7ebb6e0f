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

/** Rows wait for the second source. */
export function sideLags({ side, rowsMax, isRetryable }: LagSettings, rowsHeld: number): PipelineError {
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
  /** Whether it waits for a later row however long. */
  readonly waitsForAny: boolean;
}

/** A row waits for later ones of the second source, which has no more room for those that are kept meanwhile. */
export function laterRowsLag(
  { side, rowsMax, isSideLive, isRetryable }: LagSettings,
  { symbol, atNs, waitsForAny }: AwaitingRow,
): PipelineError {
  const rows = symbol === null ? 'its rows' : `its rows of "${symbol}"`;
  const advice = waitsForAny ? ADVICE.tolerance : isSideLive ? ADVICE.delay : ADVICE.order;
  return lags(
    isRetryable,
    `${side} lags with ${rows}: a row at ${formatIsoNanos(atNs)} waits for later ones, and ${rowsMax} rows are ` +
      `kept meanwhile, all that may: ${advice}, or raise "rowsMax"`,
  );
}

const ADVICE = {
  order:
    'give it an order of time (`order: time` of replay), since its rows tell the time of their own symbol only',
  delay: 'lower its "maxDelay", if it has one, since rows wait as long as that',
  tolerance: 'set "tolerance", so that no row waits for a later one however long',
};

const lags = (retryable: boolean, message: string): PipelineError =>
  new PipelineError('INPUT_LAGS', message, { retryable });
