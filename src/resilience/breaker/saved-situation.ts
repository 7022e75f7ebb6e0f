import { initialTransition, type SnapshotFrom } from 'xstate';
import type { Clock } from '../../core/clock.js';
import { BREAKER_REASONS } from '../../shared-memory/breaker-memory.js';
import type { BreakerContext, BreakerMachine } from './breaker-machine.js';
import type { BreakerSaved } from './breaker-options.js';

type Situation = SnapshotFrom<BreakerMachine>;

const NS_PER_MS = 1e6;
const nowMs = (clock: Clock): number => Number(clock.now()) / NS_PER_MS;
const wallMs = (clock: Clock): number => Number(clock.wall()) / NS_PER_MS;

/** Saves the state for another process. The monotonic clock ends with this process, so times are relative. */
export function saveSituation({ value, context }: Situation, clock: Clock): BreakerSaved {
  const { openings, holds, reason, openUntilMs } = context;
  return {
    version: 1,
    state: value,
    openings,
    holds,
    ...(reason !== undefined && { reason }),
    ...(openUntilMs !== undefined && { openLeftMs: Math.max(0, openUntilMs - nowMs(clock)) }),
    savedAtMs: wallMs(clock),
  };
}

/** Restores a saved state. A wall clock that was set back since does not lengthen the remaining open time. */
export function restoreSituation(machine: BreakerMachine, saved: BreakerSaved, clock: Clock): Situation {
  const { state, openings, holds, openLeftMs, savedAtMs } = saved;
  const [{ context }] = initialTransition(machine);
  const reason = BREAKER_REASONS.find((known) => known === saved.reason);
  const restored: BreakerContext = { ...context, openings, holds, reason };
  if (state !== 'open') return machine.resolveState({ value: state, context: restored });
  const since = Math.max(0, wallMs(clock) - savedAtMs);
  const openForMs = Math.max(0, (openLeftMs ?? context.openForMs) - since);
  const openUntilMs = nowMs(clock) + openForMs;
  return machine.resolveState({ value: state, context: { ...restored, openForMs, openUntilMs } });
}
