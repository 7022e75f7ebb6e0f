/** How large each part of the shared table of budgets is. */
export interface RateMemorySizes {
  /** Scopes that may exist at the same time. */
  readonly scopesMax: number;
  /** Threads (strictly: opened clients) that may spend at the same time. */
  readonly threadsMax: number;
  /** Scopes that all threads together may have open at the same time. */
  readonly seatsMax: number;
  /** Places in flight, over all caps. */
  readonly inFlightPlacesMax: number;
  /** 64-bit words for rolling windows, one for each permit. */
  readonly rollingPermitsMax: number;
}

/** The largest values: what handles may say, and what settings may ask for. */
export const SIZES_MAX: RateMemorySizes = {
  scopesMax: 65_536,
  threadsMax: 4_096,
  seatsMax: 16_777_216,
  inFlightPlacesMax: 16_777_216,
  rollingPermitsMax: 16_777_216,
};

/** Up to this many seats, every thread can have every scope open. */
const SEATS_OF_ALL = 16_384;
const SEATS_PER_SCOPE = 4;

/** Seats of a table that was not told how many. */
export const seatsFor = (scopesMax: number, threadsMax: number): number =>
  Math.min(scopesMax * threadsMax, Math.max(SEATS_OF_ALL, SEATS_PER_SCOPE * scopesMax));

const PLACES_MIN = 65_536;
const PLACES_PER_SCOPE = 16;

/** Places in flight of a table that was not told how many. */
export const inFlightPlacesFor = (scopesMax: number): number =>
  Math.max(PLACES_MIN, PLACES_PER_SCOPE * scopesMax);
