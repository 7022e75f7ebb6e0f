import fc from 'fast-check';

const SEED = 20_261_130;

/**
 * Properties are tried with the same inputs in each run, so that a test that fails is one that was broken.
 * `TICKLOOM_SEED` is another seed (a whole number), or `random`; what fails then says its seed.
 */
const { TICKLOOM_SEED: asked = String(SEED) } = process.env;
if (asked !== 'random') {
  const seed = Number(asked);
  if (!Number.isInteger(seed))
    throw new Error(`TICKLOOM_SEED: expected a whole number or "random", found "${asked}"`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
