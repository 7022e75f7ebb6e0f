/** How deep tests look: `TICKLOOM_DEEP` is 0 by default, 1 in `npm run test:deep`, 2 in `npm run test:deep:full`. */
const DEPTH = Number(process.env.TICKLOOM_DEEP ?? 0);
if (![0, 1, 2].includes(DEPTH))
  throw new Error(`TICKLOOM_DEEP: expected 0, 1 or 2, found "${process.env.TICKLOOM_DEEP}"`);

/** Cases that a run of all tests has no time for. */
export const DEEP = DEPTH > 0;

/**
 * How many of something are tried.
 *
 * @param sample - In a run of all tests.
 * @param deep - In `npm run test:deep`, which CI runs: some minutes for all of it.
 * @param full - In `npm run test:deep:full`, which takes half an hour.
 */
export const tried = (sample: number, deep: number, full: number): number => [sample, deep, full][DEPTH]!;

/** Of the operations of a run at which something is made to happen, every so many are taken. */
const STRIDE = tried(5, 1, 1);
let begun = 0;

/** 0, 1, 2 … or, from another of the first ones each time, every fifth. */
export function* operations(): Generator<number> {
  for (let at = begun++ % STRIDE; ; at += STRIDE) yield at;
}
