import { readInt64, TWO_32 } from '../../../columns/int64.js';
import type { BarWindow } from './bar-window.js';
import type { RowPlace, Windows } from './windows.js';

/**
 * Windows of one length, without time between them. The index is begin ÷ length. Computes on doubles where that is
 * exact, otherwise on bigints.
 */
export class FixedWindows implements Windows {
  readonly #everyNs: number;
  readonly #every: bigint;
  readonly #holdNs: number;

  /** @param holdNs - How far the watermark must be past the end of a window to close it. */
  constructor(everyNs: number, holdNs: number) {
    this.#everyNs = everyNs;
    this.#every = BigInt(everyNs);
    this.#holdNs = holdNs;
  }

  at(timeNs: bigint): number {
    const quotient = timeNs / this.#every;
    return Number(timeNs < 0n && quotient * this.#every !== timeNs ? quotient - 1n : quotient);
  }

  lastAt(timeNs: bigint): number {
    return this.at(timeNs);
  }

  ofRow(times: Int32Array, row: number, near: BarWindow | undefined): RowPlace {
    const everyNs = this.#everyNs;
    if (near) {
      const offset =
        (times[2 * row + 1]! - near.startHigh) * TWO_32 + ((times[2 * row]! >>> 0) - near.startLow);
      if (Math.abs(offset) + this.#holdNs <= Number.MAX_SAFE_INTEGER) {
        const steps = floorDivide(offset, everyNs);
        return {
          kind: 'in',
          index: near.index + steps,
          closes: near.index + floorDivide(offset - this.#holdNs, everyNs),
          isStart: steps * everyNs === offset,
          from: 0,
          to: everyNs,
        };
      }
    }
    const time = readInt64(times, row);
    return {
      kind: 'in',
      index: this.at(time),
      closes: this.at(time - BigInt(this.#holdNs)),
      isStart: time % this.#every === 0n,
      from: 0,
      to: everyNs,
    };
  }

  from(index: number): number {
    return index;
  }

  count(from: number, to: number): number {
    return to - from;
  }

  startOf(index: number): bigint {
    return BigInt(index) * this.#every;
  }

  endOf(index: number): bigint {
    return BigInt(index + 1) * this.#every;
  }

  isClosed(): boolean {
    return false;
  }

  isUncertain(): boolean {
    return false;
  }

  closesAt(index: number, closedTo: number): number {
    const windows = closedTo + 1 - index;
    const exactly = windows * this.#everyNs + this.#holdNs;
    const isExact = Math.abs(windows * this.#everyNs) + this.#holdNs <= Number.MAX_SAFE_INTEGER;
    return isExact ? exactly : Number(BigInt(windows) * this.#every + BigInt(this.#holdNs));
  }

  heldTo(index: number): bigint {
    return this.startOf(index);
  }

  spanOf(): undefined {
    return undefined;
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
