import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { placesIn, type ScopeParameters, segmentPlaces } from '../../shared-memory/scope-record.js';
import { Arena } from './arena.js';
import { InFlightCap } from './in-flight-cap.js';

/** Places in flight of a cap. */
export type CapSpace = Pick<ScopeParameters, 'inFlightMax' | 'leasesMax' | 'segments' | 'capLife'>;

const NO_CAP: CapSpace = { inFlightMax: 0, leasesMax: 0, segments: [], capLife: 0 };

/** The room of the table for rolling windows and for places in flight. Belongs to the owner. */
export class TableSpace {
  readonly #memory: RateMemory;
  readonly #rings: Arena;
  readonly #places: Arena;
  #caps = 0;

  constructor(memory: RateMemory) {
    const { rollingPermitsMax, inFlightPlacesMax } = memory.sizes;
    this.#memory = memory;
    this.#rings = new Arena({
      setting: 'rollingPermitsMax',
      words: rollingPermitsMax,
      isInUse: (at, words) => this.#isRingInUse(at, words),
    });
    this.#places = new Arena({ setting: 'inFlightPlacesMax', words: inFlightPlacesMax });
  }

  /** @throws {RateTableFullError} */
  takeRing(permits: number, what: string): number {
    return this.#rings.take(permits, what);
  }

  giveRing(at: number, permits: number): void {
    this.#rings.give(at, permits);
  }

  /**
   * Takes the places that a cap needs beyond those that it has.
   *
   * @throws {RateTableFullError} and then nothing was taken.
   */
  widenCap(inFlightMax: number, before: CapSpace | undefined, what: string): CapSpace {
    const { leasesMax, segments: own, capLife } = before ?? NO_CAP;
    const segments = [...own];
    try {
      while (placesIn(segments.length) < inFlightMax) {
        const places = segmentPlaces(segments.length);
        const at = this.#places.take(places, what);
        segments.push(at);
        this.#clear(at, places);
      }
    } catch (error) {
      this.giveSegments(segments, own.length);
      throw error;
    }
    return {
      inFlightMax,
      leasesMax: Math.max(leasesMax, inFlightMax),
      segments,
      capLife: own.length === 0 && inFlightMax > 0 ? ++this.#caps : capLife,
    };
  }

  /**
   * The cap without the places that it does not need and that no call holds. Nobody may be granted one
   * of them any more.
   */
  narrowCap({ inFlightMax, leasesMax, segments, capLife }: CapSpace): CapSpace {
    const cap = new InFlightCap(this.#memory, { segments, capLife, leasesMax }, leasesMax);
    let kept = segments.length;
    while (kept > 0 && placesIn(kept - 1) >= inFlightMax && cap.isEmptyFrom(placesIn(kept - 1))) kept--;
    return {
      inFlightMax,
      leasesMax: Math.min(leasesMax, placesIn(kept)),
      segments: segments.slice(0, kept),
      capLife,
    };
  }

  /** Gives segments back, from this one on. A call that still holds a place there frees nothing of others. */
  giveSegments(segments: readonly number[], from = 0): void {
    for (const [i, at] of segments.entries()) if (i >= from) this.#places.give(at, segmentPlaces(i));
  }

  #clear(at: number, places: number): void {
    const { i32, placesUsedAt } = this.#memory;
    const first = this.#memory.placeInFlightAt(at);
    i32.fill(0, first, first + places);
    Atomics.store(i32, placesUsedAt, Math.max(Atomics.load(i32, placesUsedAt), at + places));
  }

  #isRingInUse(at: number, words: number): boolean {
    const { i32, membersUsedAt } = this.#memory;
    const used = Atomics.load(i32, membersUsedAt);
    for (let member = 0; member < used; member++) {
      const word = Atomics.load(i32, this.#memory.ringInUseAt(member)) - 1;
      if (word >= at && word < at + words) return true;
    }
    return false;
  }
}
