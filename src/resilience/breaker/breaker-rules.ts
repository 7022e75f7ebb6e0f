import { InvalidBreakerError } from '../../core/errors.js';
import type { BreakerCells } from './breaker-cells.js';
import { Probes } from './probes.js';
import { areSettings, type CallSettings } from './shared-settings.js';
import type { WindowGuard } from './time-window.js';
import { TripConditions } from './trip-conditions.js';

const NS_PER_MS = 1e6;

/** What the settings of a breaker make of its memory, until they change. */
export class BreakerRules {
  /** Of the settings. */
  readonly version: number;
  readonly conditions: TripConditions;
  readonly probes: Probes;
  /** `undefined` if slow calls do not matter; then the start of a call need not be timed. */
  readonly slowNs: bigint | undefined;
  readonly timeoutMs: number | undefined;

  constructor(cells: BreakerCells, settings: CallSettings, version: number, guard?: WindowGuard) {
    const { slowCallMs, timeoutMs } = settings;
    this.version = version;
    this.conditions = new TripConditions(cells, settings, guard);
    this.probes = new Probes(cells.words, cells.longs, settings);
    this.slowNs = slowCallMs === undefined ? undefined : BigInt(Math.ceil(slowCallMs * NS_PER_MS));
    this.timeoutMs = timeoutMs;
  }
}

/**
 * The rules that apply now: `known`, if the settings have not changed since.
 *
 * @param guard - The thread that counts by them; left out by who only reads.
 * @throws {InvalidBreakerError} `BREAKER_INVALID` if the memory holds no settings.
 */
export function currentRules(
  cells: BreakerCells,
  { known, guard }: { readonly known?: BreakerRules; readonly guard?: WindowGuard } = {},
): BreakerRules {
  if (known?.version === cells.settings.version) return known;
  const { settings, version } = cells.settings.read();
  if (!areSettings(settings, cells.words.buffer.byteLength)) {
    throw new InvalidBreakerError(
      'The shared memory of a breaker does not hold its options: was it written to?',
    );
  }
  return new BreakerRules(cells, settings, version, guard);
}
