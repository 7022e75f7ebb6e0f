/** `npm run test:deep`: everything, where a run of all tests takes samples. */
export const DEEP = process.env.TICKLOOM_DEEP === '1';

/** Of the operations of a run at which something is made to happen, every so many are taken. */
const STRIDE = DEEP ? 1 : 3;
let begun = 0;

/** 0, 1, 2 … or, from another of the first ones each time, every third. */
export function* operations(): Generator<number> {
  for (let at = begun++ % STRIDE; ; at += STRIDE) yield at;
}
