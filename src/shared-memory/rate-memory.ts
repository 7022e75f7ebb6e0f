import { InvalidOptionsError } from '../core/errors.js';
import { InvalidHandleError } from '../core/invalid-handle-error.js';
import { type RateMemorySizes, SIZES_MAX } from './rate-sizes.js';

/**
 * The layout of budgets in the memory that all threads share. No other file knows an offset, except
 * `scope-record.ts`, which knows those within the name and the parameters of a scope.
 *
 * ```
 * header · buckets · members · scopes · seat keys · seats · lanes · places in flight · rings
 * scope: state, masks | name, totals, parameters ×2 | cells ×2, virtual time, lane of no tenant
 * ```
 *
 * Everything grows with the scopes, or with what is in use, and nothing with the product of two: a thread
 * takes a seat at a scope that it opens, and a tenant has a lane at a provider only while it waits there.
 * Cells that threads write often are on cache lines of their own.
 */

/** Two cache lines of 64 bytes: the prefetcher of x86 fetches them in pairs. */
export const LINE_BYTES = 128;
const MAGIC = 0x54_4c_52_31; // "TLR1"
/** Of the layout: raised with each change of it. */
export const RATE_PROTOCOL = 4;

/** Most limits that one budget may have. */
export const LIMITS_MAX = 4;
/** Counters of a seat, and totals of a scope. */
export const STATISTICS_COUNTERS = 7;

const HEADER_BYTES = 2 * LINE_BYTES;
/** Version, `told`, end of the cooldown, life, next scope of the bucket, end of the share, the cost wanted of it. */
const STATE_BYTES = 40;
const MASKS = 3;
export const NAME_SPACE_BYTES = 144;
const TOTALS_BYTES = 8 * STATISTICS_COUNTERS;
export const PARAMETERS_BYTES = 192;
const RECORD_BYTES = toLine(NAME_SPACE_BYTES + TOTALS_BYTES + 2 * PARAMETERS_BYTES);
const HOT_BYTES = LINE_BYTES;
const SEAT_BYTES = LINE_BYTES;
const LANE_BYTES = 32;
const LANES_PER_SCOPE = 4;
const LANES_MIN = 64;

export class RateMemory {
  readonly buffer: SharedArrayBuffer;
  readonly sizes: RateMemorySizes;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly u8: Uint8Array;
  readonly b64: BigInt64Array;
  /** 32-bit words of a mask that has one bit for each member. */
  readonly maskWords: number;
  /** Slots of the seats: a power of two, and more than there are seats, so that few collide. */
  readonly seatSlots: number;
  /** Slots of the lanes: a power of two. */
  readonly laneSlots: number;
  /** Heads of the lists of scopes by the hash of their names: a power of two. */
  readonly buckets: number;
  readonly bytes: number;

  readonly #membersAt: number;
  readonly #scopesAt: number;
  readonly #scopeBytes: number;
  readonly #recordAt: number;
  readonly #hotAt: number;
  readonly #seatKeysAt: number;
  readonly #seatsAt: number;
  readonly #lanesAt: number;
  readonly #placesAt: number;
  readonly #ringsAt: number;

  private constructor(buffer: SharedArrayBuffer, sizes: RateMemorySizes) {
    const { scopesMax, threadsMax, seatsMax, inFlightPlacesMax, rollingPermitsMax } = sizes;
    this.buffer = buffer;
    this.sizes = sizes;
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.b64 = new BigInt64Array(buffer);
    this.maskWords = Math.ceil(threadsMax / 32);
    this.buckets = powerOfTwo(scopesMax);
    this.seatSlots = powerOfTwo(1.5 * seatsMax);
    this.laneSlots = powerOfTwo(Math.max(LANES_MIN, LANES_PER_SCOPE * scopesMax));

    this.#recordAt = toLine(STATE_BYTES + MASKS * 4 * this.maskWords);
    this.#hotAt = this.#recordAt + RECORD_BYTES;
    this.#scopeBytes = this.#hotAt + HOT_BYTES;

    this.#membersAt = HEADER_BYTES + toLine(4 * this.buckets);
    this.#scopesAt = this.#membersAt + threadsMax * LINE_BYTES;
    this.#seatKeysAt = this.#scopesAt + scopesMax * this.#scopeBytes;
    this.#seatsAt = this.#seatKeysAt + toLine(4 * this.seatSlots);
    this.#lanesAt = this.#seatsAt + this.seatSlots * SEAT_BYTES;
    this.#placesAt = this.#lanesAt + this.laneSlots * LANE_BYTES;
    this.#ringsAt = this.#placesAt + toLine(4 * inFlightPlacesMax);
    this.bytes = this.#ringsAt + 8 * rollingPermitsMax;
  }

  /** @throws {InvalidOptionsError} if there is not enough memory for a table of these sizes. */
  static create(sizes: RateMemorySizes): RateMemory {
    const { bytes } = new RateMemory(new SharedArrayBuffer(0), sizes);
    const memory = new RateMemory(sharedBytes(bytes), sizes);
    memory.i32.set([MAGIC, RATE_PROTOCOL, ...SIZE_NAMES.map((name) => sizes[name])]);
    return memory;
  }

  /** @throws {InvalidHandleError} if the memory is not a table of budgets of this version, whole. */
  static open(buffer: SharedArrayBuffer): RateMemory {
    const found = `${buffer.byteLength} bytes of shared memory`;
    if (buffer.byteLength < HEADER_BYTES) throw new InvalidHandleError('budgets', found);
    const [
      magic,
      protocol,
      scopesMax = 0,
      threadsMax = 0,
      seatsMax = 0,
      inFlightPlacesMax = 0,
      rollingPermitsMax = 0,
    ] = new Int32Array(buffer, 0, 2 + SIZE_NAMES.length);
    if (magic !== MAGIC || protocol !== RATE_PROTOCOL) {
      throw new InvalidHandleError('budgets', 'shared memory of another kind');
    }
    const sizes = { scopesMax, threadsMax, seatsMax, inFlightPlacesMax, rollingPermitsMax };
    if (!SIZE_NAMES.every((name) => sizes[name] >= 0 && sizes[name] <= SIZES_MAX[name])) {
      throw new InvalidHandleError('budgets', 'a table of impossible sizes');
    }
    const { bytes } = new RateMemory(new SharedArrayBuffer(0), sizes);
    if (bytes !== buffer.byteLength) throw new InvalidHandleError('budgets', `${found} instead of ${bytes}`);
    return new RateMemory(buffer, sizes);
  }

  // --- indexes into i32 ---

  /** Incremented whenever a scope is added or removed. */
  get directoryVersionAt(): number {
    return LINE_BYTES / 4;
  }

  /** How many of the members were ever taken: those beyond are free. */
  get membersUsedAt(): number {
    return LINE_BYTES / 4 + 1;
  }

  /** How many of the places in flight were ever given to a cap: those beyond are free. */
  get placesUsedAt(): number {
    return LINE_BYTES / 4 + 2;
  }

  /** Index + 1 of the first scope whose name has this hash; 0 if there is none. */
  bucketAt(hash: number): number {
    return HEADER_BYTES / 4 + (hash & (this.buckets - 1));
  }

  /** 0 if the slot is free, otherwise the id of its thread + 1. */
  memberAt(member: number): number {
    return (this.#membersAt + member * LINE_BYTES) / 4;
  }

  /** Word + 1 of the ring that the member is writing to; 0 if it is writing to none. */
  ringInUseAt(member: number): number {
    return this.memberAt(member) + 1;
  }

  /** Odd while the scope exists: each change adds two, creation and removal add one. */
  versionAt(scope: number): number {
    return this.#scope(scope) / 4;
  }

  /** Counts cooldowns and reported usage: permits taken before one of them are not returned. */
  toldAt(scope: number): number {
    return this.#scope(scope) / 4 + 1;
  }

  /** Number of the declaration: no two in the lifetime of the table have the same. */
  lifeAt(scope: number): number {
    return this.#scope(scope) / 4 + 4;
  }

  /** Index + 1 of the next scope of the same bucket. */
  nextOfBucketAt(scope: number): number {
    return this.#scope(scope) / 4 + 5;
  }

  /** Of a share: the largest cost that it was too small for, since whoever deals it looked last; 0: none. */
  wantedAt(scope: number): number {
    return this.#scope(scope) / 4 + 8;
  }

  /** First word of the mask of members with a waiter at the scope. */
  waitingAt(scope: number): number {
    return (this.#scope(scope) + STATE_BYTES) / 4;
  }

  /** First word of the mask of members that missed their turn and are passed over. */
  lateAt(scope: number): number {
    return this.waitingAt(scope) + this.maskWords;
  }

  /** First word of the mask of members that have a seat at the scope. */
  seatedAt(scope: number): number {
    return this.waitingAt(scope) + 2 * this.maskWords;
  }

  /** Who has this slot of the seats; 0 if it is free. */
  seatKeyAt(slot: number): number {
    return this.#seatKeysAt / 4 + slot;
  }

  /** The declaration of the scope that the seat is at. */
  seatLifeAt(slot: number): number {
    return this.#seat(slot) / 4 + 2 * STATISTICS_COUNTERS;
  }

  /** Cost of the waiter at the front of the member's own queue. */
  entryCostAt(slot: number): number {
    return this.seatLifeAt(slot) + 1;
  }

  /** Scope of the provider that the lane is at. */
  laneRootAt(slot: number): number {
    return this.#lane(slot) / 4 + 4;
  }

  /** Member + 1 that is just handing the slot to another lane; 0 if none is. */
  laneClaimAt(slot: number): number {
    return this.#lane(slot) / 4 + 5;
  }

  placeInFlightAt(place: number): number {
    return this.#placesAt / 4 + place;
  }

  // --- indexes into f64 ---

  /** Written by the thread that has the seat, and by nobody else. */
  countersAt(slot: number): number {
    return this.#seat(slot) / 8;
  }

  // --- indexes into b64 ---

  /** Instant (`Clock.now`) before which nothing is granted. */
  blockedUntilAt(scope: number): number {
    return this.#scope(scope) / 8 + 1;
  }

  /** Of a share: instant (`Clock.now`) from which on nothing is granted; 0: it has no end. */
  shareEndAt(scope: number): number {
    return this.#scope(scope) / 8 + 3;
  }

  /** What members counted that have left. */
  totalsAt(scope: number): number {
    return (this.recordByte(scope) + NAME_SPACE_BYTES) / 8;
  }

  cellAt(scope: number, set: number, limit: number): number {
    return (this.#scope(scope) + this.#hotAt) / 8 + set * LIMITS_MAX + limit;
  }

  virtualTimeAt(scope: number): number {
    return this.cellAt(scope, 2, 0);
  }

  /** End of the lane of callers without a tenant. */
  ownLaneAt(scope: number): number {
    return this.virtualTimeAt(scope) + 1;
  }

  /** Place of the waiter at the front of the member's own queue. */
  entryPlaceAt(slot: number): number {
    return this.countersAt(slot) + STATISTICS_COUNTERS + 1;
  }

  /** Instant at which that member will check again. */
  entryDueAt(slot: number): number {
    return this.entryPlaceAt(slot) + 1;
  }

  laneEndAt(slot: number): number {
    return this.#lane(slot) / 8;
  }

  /** The declarations of provider and tenant; 0 if the slot is free. */
  laneKeyAt(slot: number): number {
    return this.laneEndAt(slot) + 1;
  }

  ringAt(word: number): number {
    return this.#ringsAt / 8 + word;
  }

  // --- indexes into u8 ---

  /** Name, totals and parameters of a scope: written by the owner alone, before it publishes a version. */
  recordByte(scope: number): number {
    return this.#scope(scope) + this.#recordAt;
  }

  parametersByte(scope: number, set: number): number {
    return this.recordByte(scope) + NAME_SPACE_BYTES + TOTALS_BYTES + set * PARAMETERS_BYTES;
  }

  #scope(scope: number): number {
    return this.#scopesAt + scope * this.#scopeBytes;
  }

  #seat(slot: number): number {
    return this.#seatsAt + slot * SEAT_BYTES;
  }

  #lane(slot: number): number {
    return this.#lanesAt + slot * LANE_BYTES;
  }
}

/** In the order of the header. */
const SIZE_NAMES = [
  'scopesMax',
  'threadsMax',
  'seatsMax',
  'inFlightPlacesMax',
  'rollingPermitsMax',
] as const satisfies readonly (keyof RateMemorySizes)[];

function toLine(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, atLeast)));
}

function sharedBytes(bytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes);
  } catch {
    const found = `found one of ${Math.ceil(bytes / 2 ** 20).toLocaleString('en')} MiB`;
    throw new InvalidOptionsError('rate', [
      `scopesMax, threadsMax, seatsMax: expected a table that fits in memory, ${found}`,
    ]);
  }
}
