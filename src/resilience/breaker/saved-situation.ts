import { initialTransition, type SnapshotFrom } from 'xstate';
import type { Clock } from '../../core/clock.js';
import { BREAKER_REASONS } from '../../shared-memory/breaker-memory.js';
import type { BreakerContext, BreakerMachine } from './breaker-machine.js';
import type { BreakerSaved } from './breaker-saved.js';
import type { CountedOutcomes } from './trip-conditions.js';

type Situation = SnapshotFrom<BreakerMachine>;

const NS_PER_MS = 1e6;
const nowMs = (clock: Clock): number => Number(clock.now()) / NS_PER_MS;
const wallMs = (clock: Clock): number => Number(clock.wall()) / NS_PER_MS;

/**
 * Saves the state for another process. The monotonic clock ends with this process, so times are relative.
 *
 * @param outcomes - What a closed breaker has counted.
 */
export function saveSituation(
  { value, context }: Situation,
  { failuresInRow, countWindow, timeWindow }: CountedOutcomes,
  clock: Clock,
): BreakerSaved {
  const { openings, holds, reason, openUntilMs } = context;
  return {
    version: 1,
    state: value,
    openings,
    holds,
    ...(reason !== undefined && { reason }),
    ...(openUntilMs !== undefined && { openLeftMs: Math.max(0, openUntilMs - nowMs(clock)) }),
    ...(failuresInRow !== undefined && { failuresInRow }),
    ...(countWindow !== undefined && { countWindow }),
    ...(timeWindow !== undefined && { timeWindow: [...timeWindow] }),
    savedAtMs: wallMs(clock),
  };
}

/** What was counted, as old as it is by now. */
export function restoreOutcomes(saved: BreakerSaved, clock: Clock): CountedOutcomes {
  const since = sinceSavedMs(saved, clock);
  return {
    failuresInRow: saved.failuresInRow,
    countWindow: saved.countWindow,
    timeWindow: saved.timeWindow?.map((part) => ({ ...part, ageMs: part.ageMs + since })),
  };
}

/** Restores a saved state. A wall clock that was set back since does not lengthen the remaining open time. */
export function restoreSituation(machine: BreakerMachine, saved: BreakerSaved, clock: Clock): Situation {
  const { state, openings, holds, openLeftMs } = saved;
  const [{ context }] = initialTransition(machine);
  const reason = BREAKER_REASONS.find((known) => known === saved.reason);
  const restored: BreakerContext = { ...context, openings, holds, reason };
  if (state !== 'open') return machine.resolveState({ value: state, context: restored });
  const openForMs = Math.max(0, (openLeftMs ?? context.openForMs) - sinceSavedMs(saved, clock));
  const openUntilMs = nowMs(clock) + openForMs;
  return machine.resolveState({ value: state, context: { ...restored, openForMs, openUntilMs } });
}

const sinceSavedMs = ({ savedAtMs }: BreakerSaved, clock: Clock): number =>
  Math.max(0, wallMs(clock) - savedAtMs);
