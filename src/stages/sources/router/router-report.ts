import type { StageHealth, StageStatistics } from '../../../wire/pipeline-report.js';
import { textOfCause } from './failures.js';
import type { RouterOptions } from './options.js';
import type { RouterLane } from './router-lane.js';
import type { SourceChoice } from './source-choice.js';

const STATES = ['idle', 'open', 'current', 'resting', 'out'] as const;

/** What a report says of each source, and which one is read. */
export function statisticsOf(
  lanes: readonly RouterLane[],
  choice: SourceChoice,
  now: bigint,
): Record<string, number> & StageStatistics {
  const statistics: Record<string, number> = { activeSource: choice.current ?? -1 };
  for (const [i, { id, rows, failures }] of lanes.entries()) {
    statistics[`${id}.rows`] = rows;
    statistics[`${id}.failures`] = failures;
    statistics[`${id}.state`] = STATES.indexOf(choice.stateOf(i, now));
  }
  return statistics;
}

/** A router is well if it reads the source that it likes best. */
export function healthOf(
  lanes: readonly RouterLane[],
  current: number | undefined,
  { strategy, silence = 0 }: Pick<RouterOptions, 'strategy' | 'silence'>,
): StageHealth {
  if (current === undefined && lanes.some(({ cause }) => cause !== undefined)) {
    return { status: 'degraded', reason: `no source works: ${causesOf(lanes)}` };
  }
  const lane = current === undefined ? undefined : lanes[current]!;
  if (lane?.isSilent) {
    const reason = `${lane.name} has given no row for ${silence / 1e6} ms, and its market may be closed`;
    return { status: 'degraded', reason };
  }
  if (strategy !== 'first' || !lane || current === 0) return { status: 'ok' };
  const { name, cause } = lanes[0]!;
  const why = cause === undefined ? '' : `: ${textOfCause(cause)}`;
  return { status: 'degraded', reason: `reads ${lane.name} in place of ${name}${why}` };
}

function causesOf(lanes: readonly RouterLane[]): string {
  return lanes
    .filter(({ cause }) => cause !== undefined)
    .map(({ name, cause }) => `${name}: ${textOfCause(cause)}`)
    .join('; ');
}
