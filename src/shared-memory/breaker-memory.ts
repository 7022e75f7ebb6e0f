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
 * Bits of a probe: 0 and 1 = outcome, 2 to 11 = epoch, 12 to 31 = holder, 32 to 63 = expiry. A holder is
 * a `threadId`; an expiry is an instant in ms on the clock. Both wrap.
 */
export const PROBE_FREE = 0;
export const PROBE_OUT = 1;
export const PROBE_SUCCEEDED = 2;
export const PROBE_FAILED = 3;
const PROBE_EPOCH_MASK = 0x3ff;
const HOLDER_MASK = 0xf_ffff;

export const packProbe = (outcome: number, epoch: number, holder: number, expiryMs: number): bigint =>
  (BigInt(expiryMs >>> 0) << 32n) |
  BigInt((((holder & HOLDER_MASK) << 12) | ((epoch & PROBE_EPOCH_MASK) << 2) | outcome) >>> 0);
export const probeOutcome = (probe: bigint): number => Number(probe & 3n);
export const probeHolder = (probe: bigint): number => Number((probe >> 12n) & BigInt(HOLDER_MASK));
export const probeExpiryMs = (probe: bigint): number => Number(BigInt.asUintN(32, probe >> 32n));
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
 * Each thread counts in its own stripe, as long as there are enough. The last cell of a stripe is its
 * owner.
 */
export const STRIPES = 16;
export const STRIPE_CELLS = LINE_BYTES / 4;
const STRIPES_BYTE = PROBES_BYTE + PROBES_MAX * 8;
export const STRIPES_CELL = STRIPES_BYTE / 4;

/** Number of buckets in a time window. */
export const BUCKETS = 10;
const HEAD_BYTE = STRIPES_BYTE + STRIPES * LINE_BYTES;
/** Next position in the count window. */
export const HEAD_CELL = HEAD_BYTE / 4;
const BUCKETS_BYTE = HEAD_BYTE + LINE_BYTES;
/** The cells of a bucket: successes, failures, slow calls, 64 bits each. */
export const BUCKETS_CELL = BUCKETS_BYTE / 8;
export const BUCKET_CELLS = 3;
const RING_BYTE = BUCKETS_BYTE + 2 * LINE_BYTES;
/** Outcomes of the count window: 32-bit cells, up to the end of the memory. */
export const RING_CELL = RING_BYTE / 4;

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
  return RING_BYTE + (countWindow ? 4 * ringLength(countWindow.size) : 0);
}

export const BREAKER_PROTOCOL = 1;
