import type { BudgetOptions } from '../rate/budget-options.js';
import { isWindow, type Part, partOf, sizesOf } from './parts.js';

/** Parts stay as they are for differences within this: what moves has nothing saved up, or is lost for a window. */
const SAME_RATE = 0.2;
const SAME_WINDOW = 0.34;

/** Whether a part is less than another in anything. */
export function isLess(part: Part, than: Part): boolean {
  const sizes = sizesOf(than);
  return sizesOf(part).some((size, index) => size < (sizes[index] ?? 0));
}

export function less(part: Part, by: Part): Part {
  const sizes = sizesOf(by);
  return partOf(part, (size, index) => size - sizes[index]!);
}

export function larger(part: Part, other: Part): Part {
  const sizes = sizesOf(other);
  return partOf(part, (size, index) => Math.max(size, sizes[index]!));
}

/** A size that stays what it was, if it should be about that. */
export function settle(size: number, last: number, { limits }: BudgetOptions, index: number): number {
  const limit = limits[index];
  const same = limit && isWindow(limit) ? SAME_WINDOW : SAME_RATE;
  return size > 0 && last > 0 && Math.abs(size - last) <= same * last ? last : size;
}
