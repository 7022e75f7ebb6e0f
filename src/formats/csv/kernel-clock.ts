import { EPOCH_MS_MAX } from './epoch-text.js';
import type { ZoneOffsets } from './zone-offsets.js';

/** Beyond all local times, in ms. */
const FAR_MS = 9_000_000_000_000_000;

/** The kernel adds and compares ns as unsigned 64-bit numbers. One second is left so that rounding up does not wrap. */
const NANOS_MAX = 2n ** 64n - 1_000_000_000n;

/**
 * What the time kernels need of a zone's clock: its current stretch of one offset. Times outside of it are left to the
 * readers, which move on to another stretch and recognise times that the clock shows twice.
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

  /** Returns `undefined` if the kernel could not read any time in this stretch. */
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
