import { PipelineError } from '../../../core/errors.js';
import type { RouterLane } from './router-lane.js';
import type { Silence } from './silence-watch.js';
import type { SourceFailure } from './source-choice.js';

/** Why a source has to be left, though it has not failed. */
export interface LaneTrouble {
  readonly reason: SourceFailure['reason'];
  readonly error: PipelineError;
}

/** Whether a source takes too long to open, or waits for a breaker. */
export function troubleOf(
  { openingSince, input }: RouterLane,
  now: bigint,
  openWithinNs: number,
): LaneTrouble | undefined {
  if (openingSince !== undefined && now - openingSince >= BigInt(openWithinNs)) {
    const message = `${input.title} did not open within ${openWithinNs / 1e6} ms ("openWithin" of the router)`;
    return { reason: 'error', error: new PipelineError('SOURCE_FAILED', message, { retryable: true }) };
  }
  const held = input.heldByBreaker;
  if (held === undefined) return undefined;
  const message = `${input.title} waits: ${held}`;
  return { reason: 'breaker', error: new PipelineError('BREAKER_OPEN', message, { retryable: true }) };
}

/** How silent an open source is. One whose rows come, and wait for missing ones, is not. */
export function silenceOf(lane: RouterLane): Silence {
  const found = lane.silence.look();
  if (found === 'heard' || !lane.holdsMore()) return found;
  lane.silence.begin();
  return 'heard';
}
