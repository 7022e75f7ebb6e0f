import { readInt64, TWO_32 } from '../../../columns/int64.js';
import type { BarWindow } from './bar-window.js';

/** Which window a row is in. */
export interface RowWindow {
  readonly index: number;
  /** The first window that the row leaves open. */
  readonly closes: number;
  readonly isStart: boolean;
}

/**
 * Windows by index: begin ÷ length, a whole number in a double. Computes on doubles where that is exact,
 * otherwise on bigints.
 */
export class WindowIndex {
  readonly #everyNs: number;
  readonly #every: bigint;
  readonly #holdNs: number;

  /** @param holdNs - How far the watermark must be past the end of a window to close it. */
  constructor(everyNs: number, holdNs: number) {
    this.#everyNs = everyNs;
    this.#every = BigInt(everyNs);
    this.#holdNs = holdNs;
  }

  /** Length of a window, in ns. */
  get every(): bigint {
    return this.#every;
  }

  /** The window of an instant. */
  of(timeNs: bigint): number {
    const quotient = timeNs / this.#every;
    return Number(timeNs < 0n && quotient * this.#every !== timeNs ? quotient - 1n : quotient);
  }

  /** @param near - A window that is probably not far from the row. */
  ofRow(times: Int32Array, row: number, near: BarWindow | undefined): RowWindow {
    const everyNs = this.#everyNs;
    if (near) {
      const offset =
        (times[2 * row + 1]! - near.startHigh) * TWO_32 + ((times[2 * row]! >>> 0) - near.startLow);
      if (Math.abs(offset) + this.#holdNs <= Number.MAX_SAFE_INTEGER) {
        const steps = floorDivide(offset, everyNs);
        return {
          index: near.index + steps,
          closes: near.index + floorDivide(offset - this.#holdNs, everyNs),
          isStart: steps * everyNs === offset,
        };
      }
    }
    const time = readInt64(times, row);
    return {
      index: this.of(time),
      closes: this.of(time - BigInt(this.#holdNs)),
      isStart: time % this.#every === 0n,
    };
  }

  /**
   * Ns since the begin of a window at which a row closes the next window.
   *
   * @param closedTo - The first window that is not closed.
   */
  closesAt(index: number, closedTo: number): number {
    const windows = closedTo + 1 - index;
    const exactly = windows * this.#everyNs + this.#holdNs;
    const isExact = Math.abs(windows * this.#everyNs) + this.#holdNs <= Number.MAX_SAFE_INTEGER;
    return isExact ? exactly : Number(BigInt(windows) * this.#every + BigInt(this.#holdNs));
  }
}

/**
 * The floor of a quotient of whole numbers below 2⁵³. Corrects the double quotient, which may be off by
 * one if it is large.
 */
function floorDivide(dividend: number, divisor: number): number {
  const quotient = Math.floor(dividend / divisor);
  const rest = dividend - quotient * divisor;
  return rest < 0 ? quotient - 1 : rest >= divisor ? quotient + 1 : quotient;
}
