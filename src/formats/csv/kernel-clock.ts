import { EPOCH_MS_MAX } from './epoch-text.js';
import type { ZoneOffsets } from './zone-offsets.js';

/** Beyond all local times, in ms. */
const FAR_MS = 9_000_000_000_000_000;

/** The kernel compares ns since midnight in 64 bits without a sign; a second below their end, so that it may round up. */
const NANOS_MAX = 2n ** 64n - 1_000_000_000n;

/**
 * What the kernels of times are told of a zone's clock: its current stretch. Times outside of it are left to the
 * readers, which move on to another stretch and know which times the clock shows twice.
 */
export class KernelClock {
  readonly #zone: ZoneOffsets;
  readonly #parametersOf: (zone: ZoneOffsets) => BigInt64Array | undefined;
  #from = Number.NaN;
  #to = Number.NaN;
  #parameters: BigInt64Array | undefined;

  private constructor(zone: ZoneOffsets, parametersOf: (zone: ZoneOffsets) => BigInt64Array | undefined) {
    this.#zone = zone;
    this.#parametersOf = parametersOf;
  }

  /** For numbers that count from `baseMs`: the least and the greatest time in ns, and what is added to it. */
  static ofEpochs(zone: ZoneOffsets, baseMs: number): KernelClock {
    return new KernelClock(zone, ({ from, to, offsetMs }) => {
      const leastMs = Math.max(0, Math.max(from, -EPOCH_MS_MAX) - baseMs);
      const greatestMs = Math.min(to - 1, EPOCH_MS_MAX) - baseMs;
      if (greatestMs < leastMs) return undefined;
      const greatest = nanosOf(greatestMs) + 999_999n;
      if (greatest > NANOS_MAX) return undefined;
      return BigInt64Array.of(nanosOf(leastMs), greatest, nanosOf(baseMs - offsetMs));
    });
  }

  /** For times in ISO form: the stretch, its offset, and the greatest time, in ms. */
  static ofIsoTimes(zone: ZoneOffsets): KernelClock {
    return new KernelClock(zone, ({ from, to, offsetMs }) =>
      BigInt64Array.of(
        BigInt(Math.max(from, -FAR_MS)),
        BigInt(Math.min(to, FAR_MS)),
        BigInt(offsetMs),
        BigInt(EPOCH_MS_MAX),
      ),
    );
  }

  /** `undefined`: the kernel could read no time. */
  parameters(): BigInt64Array | undefined {
    const { from, to } = this.#zone;
    if (from !== this.#from || to !== this.#to) {
      this.#from = from;
      this.#to = to;
      this.#parameters = this.#parametersOf(this.#zone);
    }
    return this.#parameters;
  }
}

const nanosOf = (ms: number): bigint => BigInt(ms) * 1_000_000n;
