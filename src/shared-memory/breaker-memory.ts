/**
 * The layout of a breaker's shared memory, and how values are packed into words. Values that change
 * together share one word: state, reason and epoch in the control word; epoch, holder, outcome and expiry
 * of a probe in that probe's word. Cells that different threads write often are 128 bytes apart.
 */
/** In the order of their codes. */
export const BREAKER_STATES = ['closed', 'open', 'halfOpen', 'heldOpen', 'disabled'] as const;
/**
 * What a breaker does with calls.
 *
 * @useDeclaredType
 */
export type BreakerState = (typeof BREAKER_STATES)[number];

/** Why calls are refused, in the order of the codes. The first one means no reason. */
export const BREAKER_REASONS = [
  'none',
  'failuresInRow',
  'failureRateOfCount',
  'slowCallRateOfCount',
  'failureRateOfTime',
  'slowCallRateOfTime',
  'probesFailed',
  'heldByHand',
  'machineBroken',
  'ownerClosed',
  'told',
] as const;
/**
 * Why it refuses them.
 *
 * @useDeclaredType
 */
export type BreakerReason = (typeof BREAKER_REASONS)[number];

/** Codes of the states in the control word, for the fast paths. */
export const CLOSED = 0;
export const OPEN = 1;
export const HALF_OPEN = 2;
export const HELD_OPEN = 3;
export const DISABLED = 4;

/** Control word: state in bits 0 to 2, reason in 3 to 6, epoch in 7 to 31. */
export const STATE_MASK = 0b111;
const REASON_SHIFT = 3;
const REASON_MASK = 0b1111;
const EPOCH_SHIFT = 7;
/** The epoch grows by one with each change of state, and wraps. */
export const EPOCH_MASK = 0x1ff_ffff;

export const packWord = (state: number, reason: number, epoch: number): number =>
  (epoch << EPOCH_SHIFT) | (reason << REASON_SHIFT) | state;
export const stateOf = (word: number): number => word & STATE_MASK;
export const reasonOf = (word: number): number => (word >>> REASON_SHIFT) & REASON_MASK;
export const epochOf = (word: number): number => word >>> EPOCH_SHIFT;
export const nextEpoch = (word: number): number => (epochOf(word) + 1) & EPOCH_MASK;
export const stateName = (word: number): BreakerState => BREAKER_STATES[stateOf(word)] ?? 'disabled';
export const reasonName = (word: number): BreakerReason => BREAKER_REASONS[reasonOf(word)] ?? 'none';

const LINE_BYTES = 128;

/** 32-bit cells, by index. */
export const WORD_CELL = 0;
/** Failures in a row: epoch in the upper 12 bits, count in the lower 20. */
export const RUN_CELL = LINE_BYTES / 4;
/** Incremented by threads to signal the main thread, which waits on it. */
export const SIGNAL_CELL = (2 * LINE_BYTES) / 4;
/** Incremented with each change of state, for threads that wait until calls are let through again. */
export const CHANGE_CELL = SIGNAL_CELL + 1;

/** 64-bit cells, by index. */
/** Ns on the clock at which the breaker began to refuse calls; negative while it does not. */
export const OPENED_AT_CELL = (3 * LINE_BYTES) / 8;
/** Ns that the current opening lasts or, if there is none, the next one. Only the main thread writes it. */
export const OPEN_FOR_CELL = OPENED_AT_CELL + 1;
const PROBES_BYTE = 4 * LINE_BYTES;
export const PROBES_CELL = PROBES_BYTE / 8;
export const PROBES_MAX = 64;

/**
 * Bits of a probe: 0 and 1 = outcome, 2 to 7 = epoch, 8 to 27 = holder, 28 to 63 = expiry. A holder is
 * a `threadId`; an expiry is an instant in ms on the clock, which wraps after two years.
 */
export const PROBE_FREE = 0;
export const PROBE_OUT = 1;
export const PROBE_SUCCEEDED = 2;
export const PROBE_FAILED = 3;
const PROBE_EPOCH_MASK = 0x3f;
const HOLDER_SHIFT = 8n;
const HOLDER_MASK = 0xf_ffff;
const EXPIRY_SHIFT = 28n;
const EXPIRY_BITS = 36;
export const EXPIRY_WRAP_MS = 2 ** EXPIRY_BITS;

/** @param expiryMs - A whole number. */
export const packProbe = (outcome: number, epoch: number, holder: number, expiryMs: number): bigint =>
  BigInt.asIntN(64, BigInt(expiryMs) << EXPIRY_SHIFT) |
  (BigInt(holder & HOLDER_MASK) << HOLDER_SHIFT) |
  BigInt(((epoch & PROBE_EPOCH_MASK) << 2) | outcome);
export const probeOutcome = (probe: bigint): number => Number(probe & 3n);
export const probeHolder = (probe: bigint): number => Number((probe >> HOLDER_SHIFT) & BigInt(HOLDER_MASK));
/** The instant modulo `EXPIRY_WRAP_MS`. */
export const probeExpiryMs = (probe: bigint): number =>
  Number(BigInt.asUintN(EXPIRY_BITS, probe >> EXPIRY_SHIFT));
export const isProbeOf = (probe: bigint, epoch: number): boolean =>
  Number((probe >> 2n) & BigInt(PROBE_EPOCH_MASK)) === (epoch & PROBE_EPOCH_MASK);
export const isHeldBy = (probe: bigint, threadId: number): boolean =>
  probeOutcome(probe) === PROBE_OUT && probeHolder(probe) === (threadId & HOLDER_MASK);
export const withOutcome = (probe: bigint, outcome: number): bigint => (probe & ~3n) | BigInt(outcome);

/** Outcomes of calls, in the order of their cells in a stripe. Each takes two 32-bit cells, low and high. */
export const CALL_COUNTS = [
  'succeeded',
  'failed',
  'ignored',
  'throttled',
  'slow',
  'late',
  'refused',
] as const;
export type CallCountName = (typeof CALL_COUNTS)[number];
/**
 * Each thread counts in its own stripe, as long as there are enough. The last two cells of a stripe are
 * the clients of its owner, which only the owner writes, and the owner.
 */
export const STRIPES = 16;
export const STRIPE_CELLS = LINE_BYTES / 4;
export const STRIPE_CLIENTS_CELL = STRIPE_CELLS - 2;
export const STRIPE_OWNER_CELL = STRIPE_CELLS - 1;
const STRIPES_BYTE = PROBES_BYTE + PROBES_MAX * 8;
export const STRIPES_CELL = STRIPES_BYTE / 4;

/** Number of buckets in a time window. */
export const BUCKETS = 10;
const HEAD_BYTE = STRIPES_BYTE + STRIPES * LINE_BYTES;
/** Head of the count window: epoch in the upper 12 bits, outcomes of that epoch in the lower 20. */
export const HEAD_CELL = HEAD_BYTE / 4;
const BUCKETS_BYTE = HEAD_BYTE + LINE_BYTES;
/** Buckets of a time window that any thread may write: successes, failures, slow calls, 64 bits each. */
export const BUCKETS_CELL = BUCKETS_BYTE / 8;
export const BUCKET_CELLS = 3;
const SHARDS_BYTE = BUCKETS_BYTE + 3 * LINE_BYTES;
/** 1 once one of the buckets above was written. */
export const BUCKETS_USED_CELL = (SHARDS_BYTE - LINE_BYTES) / 4;
/** How many of the stripes were ever owned: the shards of those beyond are empty. */
export const STRIPES_USED_CELL = BUCKETS_USED_CELL + 1;
/**
 * A shard of a time window for each stripe but the first, written by the owner of the stripe alone. Its
 * buckets have 32-bit cells: two for the tag, then successes, failures, slow calls. A tag is the epoch in
 * the upper 25 bits and the tick in the lower 39: it returns after 174 years of the shortest window.
 */
const SHARD_BYTES = 2 * LINE_BYTES;
export const SHARD_BUCKET_CELLS = 6;
/** Behind the buckets of a shard: a 64-bit cell with the tick that its owner has come to. */
export const SHARD_TICK_CELL = BUCKETS * SHARD_BUCKET_CELLS;
export const shardCell = (stripe: number): number => (SHARDS_BYTE + (stripe - 1) * SHARD_BYTES) / 4;
const SETTINGS_BYTE = SHARDS_BYTE + (STRIPES - 1) * SHARD_BYTES;
/** How often the settings were written; its lowest bit says which of the two blocks holds them. */
export const SETTINGS_VERSION_CELL = SETTINGS_BYTE / 4;
/** Two blocks of 64-bit cells. */
export const SETTINGS_CELL = (SETTINGS_BYTE + LINE_BYTES) / 8;
export const SETTINGS_BLOCK_CELLS = LINE_BYTES / 8;
/** Of a breaker without a count window. Outcomes of one follow: 32-bit cells, up to the end of the memory. */
export const BREAKER_BYTES_MIN = SETTINGS_BYTE + 3 * LINE_BYTES;
/** Most calls that a count window holds. */
export const COUNT_WINDOW_MAX = 8_192;

/**
 * Length of the ring of a count window: a power of two, so that positions may wrap, and at least twice
 * the window, to leave room for outcomes that are still being evaluated.
 */
export function ringLength(windowSize: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(windowSize * 2, 64)));
}

/** @param settings - Settings of a breaker: only a count window needs memory of its own. */
export function breakerBytes({
  countWindow,
}: {
  readonly countWindow?: { readonly size: number } | undefined;
}): number {
  return BREAKER_BYTES_MIN + (countWindow ? 4 * ringLength(countWindow.size) : 0);
}

/** Shared memory that can grow, which Node has but the ES2023 type library does not declare. */
interface Growable {
  grow(byteLength: number): void;
}
type GrowableMemory = new (
  byteLength: number,
  options: { readonly maxByteLength: number },
) => SharedArrayBuffer;

/** Memory for a breaker. It can grow to hold the largest count window, since options may change. */
export function makeBreakerMemory(bytes: number): SharedArrayBuffer {
  const maxByteLength = breakerBytes({ countWindow: { size: COUNT_WINDOW_MAX } });
  // The cast: see the interface.
  return new (SharedArrayBuffer as GrowableMemory)(bytes, { maxByteLength });
}

/** Memory never shrinks: other threads may still use all of it. */
export function growBreakerMemory(memory: SharedArrayBuffer, bytes: number): void {
  // The cast: `makeBreakerMemory` made it.
  if (memory.byteLength < bytes) (memory as SharedArrayBuffer & Growable).grow(bytes);
}

export const BREAKER_PROTOCOL = 3;
