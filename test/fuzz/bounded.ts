/** What must hold of whatever comes from outside: it is judged at once, in few words, by an error of ours. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { InvalidSpecError, RuntimeError } from '../../src/core/errors.js';
import { cutText } from '../../src/core/shown-text.js';
import { withinCpuTime } from '../support/cpu-time.js';

/** TICKLOOM_ROUNDS=1000 for a long look: so many times as many inputs. */
const ROUNDS = Number(process.env.TICKLOOM_ROUNDS ?? 1);

/** TICKLOOM_SEED=… gives the inputs of a run that failed: its error has the seed. */
const SEED = process.env.TICKLOOM_SEED;

/** For what hangs: how long all inputs of a test may take. */
export const FUZZ_MS_MAX = 180_000 + ROUNDS * 60_000;

const CPU_MS_MAX = 1_000;
const MESSAGE_CHARS_MAX = 33_000;

/** Judges inputs, and names the first one for which something does not hold. */
export async function fuzz<T>(
  inputs: fc.Arbitrary<T>,
  count: number,
  judge: (input: T) => unknown,
): Promise<void> {
  const property = fc.asyncProperty(inputs, async (input) => {
    await judge(input);
  });
  // To make a huge input smaller step by step takes longer than to look at its beginning.
  const seed = SEED === undefined ? {} : { seed: Number(SEED) };
  const found = await fc.check(property, { numRuns: count * ROUNDS, endOnFailure: true, ...seed });
  if (!found.failed) return;
  const { numRuns, counterexample, errorInstance } = found;
  throw new Error(
    `input ${numRuns} of TICKLOOM_SEED=${found.seed} TICKLOOM_ROUNDS=${ROUNDS}: ` +
      `${cutText(fc.stringify(counterexample), 2_000)}\n${String(errorInstance)}`,
    { cause: errorInstance },
  );
}

/**
 * Runs what takes an input from outside.
 *
 * @returns What it returned; `undefined` if it refused the input.
 */
export const bounded = <T>(act: () => T | Promise<T>): Promise<T | undefined> =>
  withinCpuTime(CPU_MS_MAX, () => resultOf(act));

async function resultOf<T>(act: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    expect(error.message.length).toBeLessThan(MESSAGE_CHARS_MAX);
    if (error instanceof InvalidSpecError) {
      for (const { message } of error.problems) expect(message.length).toBeLessThan(MESSAGE_CHARS_MAX);
    }
    return undefined;
  }
}
