import { median } from './measure.js';

/** What a figure may grow by, from the end of the warm-up to the end. */
export interface GrowthLimit {
  /** As a share of its level: 0.05 is 5 %. */
  readonly share: number;
  /** In its own unit, whatever its level. */
  readonly floor: number;
}

export interface Flatness {
  /** Median after the warm-up. */
  readonly level: number;
  /** From the end of the warm-up to the end, along the slope. Negative: it shrinks. */
  readonly growth: number;
  /** What it might have grown by. */
  readonly growthMax: number;
  readonly isFlat: boolean;
}

/** Pairs that are looked at, at most: more tell no more. */
const SAMPLES_MAX = 400;

/**
 * Judges whether a figure stays where it is. The slope is the median of the slopes of all pairs of samples (Theil and
 * Sen), so that neither the saw teeth of a garbage collector nor a single leap count as growth.
 *
 * @param values - Taken at even distances, after the warm-up. At least two.
 */
export function flatnessOf(values: readonly number[], { share, floor }: GrowthLimit): Flatness {
  const step = Math.max(1, Math.ceil(values.length / SAMPLES_MAX));
  const kept = values.filter((_, i) => i % step === 0);
  const slopes: number[] = [];
  for (const [from, low] of kept.entries()) {
    for (let to = from + 1; to < kept.length; to++) slopes.push((kept[to]! - low) / (to - from));
  }
  const level = median(values);
  const growth = median(slopes) * (kept.length - 1);
  const growthMax = Math.max(floor, level * share);
  return { level, growth, growthMax, isFlat: growth <= growthMax };
}
