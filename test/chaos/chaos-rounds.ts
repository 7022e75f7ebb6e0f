import { Random } from '../../src/core/random.js';

/** TICKLOOM_ROUNDS=1000 for a long look. */
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? 2);
/** TICKLOOM_SEED=7 for other rounds, or for one again. */
const FIRST_SEED = Number(process.env.TICKLOOM_SEED ?? 1);

/** For a test of so many ms a round. */
export const timeoutOf = (roundMs: number): number => 180_000 + ROUNDS * roundMs;

/** Runs rounds, each with chance of its own, and says with which seed one has failed. */
export async function inRounds(round: (random: Random) => Promise<void>): Promise<void> {
  process.stderr.write(`TICKLOOM_SEED=${FIRST_SEED} TICKLOOM_ROUNDS=${ROUNDS}\n`);
  for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed++) {
    try {
      await round(new Random(seed));
    } catch (error) {
      process.stderr.write(`failed with TICKLOOM_SEED=${seed} TICKLOOM_ROUNDS=1\n`);
      throw error;
    }
  }
}

export const oneOf = <T>(random: Random, all: readonly T[]): T => all[random.below(all.length)]!;
