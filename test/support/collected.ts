import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { turnOfTheLoop } from '../../src/core/clock.js';

const ROUNDS_MAX = 30;

/** Collects garbage, again until nothing is left of these, or for long enough. @returns How many are still held. */
export async function heldOf(all: readonly WeakRef<object>[]): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = () => all.filter((one) => one.deref() !== undefined).length;
  for (let round = 0; round < ROUNDS_MAX && held() > 0; round++) {
    await turnOfTheLoop(); // what was looked at stays until the next turn
    collect();
  }
  return held();
}
