import {
  breakerBytes,
  COUNT_WINDOW_MAX,
  PROBES_MAX,
  SETTINGS_BLOCK_CELLS,
  SETTINGS_CELL,
  SETTINGS_VERSION_CELL,
} from '../../shared-memory/breaker-memory.js';
import type { BreakerSettings } from './breaker-options.js';

/** The settings that every call of every thread goes by. The others matter only to the owner. */
export type CallSettings = Pick<
  BreakerSettings,
  | 'failuresInRow'
  | 'countWindow'
  | 'timeWindow'
  | 'slowCallMs'
  | 'timeoutMs'
  | 'probes'
  | 'probeSuccessRate'
  | 'probeMsMax'
>;

/** For the bits of a number: there is no atomic access to floating-point cells. */
const NUMBER = new Float64Array(1);
const BITS = new BigInt64Array(NUMBER.buffer);

/**
 * The settings of a breaker in shared memory, so that they can change while threads use them.
 *
 * The owner writes the block that is not in use, then the version that puts it in use. A thread that
 * reads the same version before and after has read one block as a whole.
 */
export class SharedSettings {
  readonly #words: Int32Array;
  readonly #longs: BigInt64Array;

  constructor(words: Int32Array, longs: BigInt64Array) {
    this.#words = words;
    this.#longs = longs;
  }

  /** Changes with each `write`. */
  get version(): number {
    return Atomics.load(this.#words, SETTINGS_VERSION_CELL);
  }

  /** Only the owner may call it. */
  write(settings: CallSettings): void {
    const version = this.version + 1;
    let cell = blockOf(version);
    for (const value of flatten(settings)) {
      NUMBER[0] = value ?? 0; // 0 is no valid value of any setting, so it stands for "not set"
      Atomics.store(this.#longs, cell++, BITS[0]!);
    }
    Atomics.store(this.#words, SETTINGS_VERSION_CELL, version);
  }

  read(): { readonly version: number; readonly settings: CallSettings } {
    for (;;) {
      const version = this.version;
      let cell = blockOf(version);
      const settings = unflatten(() => {
        BITS[0] = Atomics.load(this.#longs, cell++);
        return NUMBER[0] === 0 ? undefined : NUMBER[0];
      });
      if (this.version === version) return { version, settings };
    }
  }
}

/**
 * Whether what was read can be the settings of a breaker with so much memory. Memory may hold anything, and
 * garbage must not become the bounds of a loop.
 */
export function areSettings(settings: CallSettings, memoryBytes: number): boolean {
  const { probes, countWindow } = settings;
  const areNumbers = flatten(settings).every(
    (value) => value === undefined || (Number.isFinite(value) && value > 0),
  );
  if (!areNumbers || !Number.isInteger(probes) || probes > PROBES_MAX) return false;
  if (!countWindow) return true;
  const { size } = countWindow;
  return Number.isInteger(size) && size <= COUNT_WINDOW_MAX && breakerBytes({ countWindow }) <= memoryBytes;
}

const blockOf = (version: number): number => SETTINGS_CELL + (version & 1) * SETTINGS_BLOCK_CELLS;

/** In the order of `unflatten`. */
function flatten(settings: CallSettings): readonly (number | undefined)[] {
  const { failuresInRow, countWindow, timeWindow, slowCallMs, timeoutMs } = settings;
  return [
    settings.probes,
    settings.probeSuccessRate,
    settings.probeMsMax,
    failuresInRow,
    slowCallMs,
    timeoutMs,
    countWindow?.size,
    countWindow?.minimumVolume,
    countWindow?.failureRate,
    countWindow?.slowCallRate,
    timeWindow?.lengthMs,
    timeWindow?.minimumVolume,
    timeWindow?.failureRate,
    timeWindow?.slowCallRate,
  ];
}

/** @param next - The values in the order of `flatten`. */
function unflatten(next: () => number | undefined): CallSettings {
  const [probes = 1, probeSuccessRate = 1, probeMsMax = 1] = [next(), next(), next()];
  const [failuresInRow, slowCallMs, timeoutMs] = [next(), next(), next()];
  const [size, countVolume = 1, countFailureRate, countSlowRate] = [next(), next(), next(), next()];
  const [lengthMs, timeVolume = 1, timeFailureRate, timeSlowRate] = [next(), next(), next(), next()];
  return {
    probes,
    probeSuccessRate,
    probeMsMax,
    failuresInRow,
    slowCallMs,
    timeoutMs,
    countWindow:
      size === undefined
        ? undefined
        : {
            size,
            minimumVolume: countVolume,
            failureRate: countFailureRate,
            slowCallRate: countSlowRate,
          },
    timeWindow:
      lengthMs === undefined
        ? undefined
        : {
            lengthMs,
            minimumVolume: timeVolume,
            failureRate: timeFailureRate,
            slowCallRate: timeSlowRate,
          },
  };
}
