import { InvalidHandleError } from '../core/invalid-handle-error.js';
import { LIMITS_MAX, NAME_SPACE_BYTES, type RateMemory } from './rate-memory.js';

/**
 * Name and parameters of a scope. The owner alone writes them. Parameters are immutable once published: a
 * change writes the other of the two sets and increments the scope's version.
 */

/** Bytes of a name, all of them ASCII: "endpoint:", 64 of the provider, "/", 64 of the endpoint. */
const NAME_BYTES_MAX = NAME_SPACE_BYTES - 4;

/** Most calls that one scope may have in flight. */
export const IN_FLIGHT_MAX = 1_024;
/**
 * Places in flight come in segments of 4, 4, 8, 16, …, 512. A higher cap adds segments and moves none, since
 * calls in flight know their places.
 */
export const SEGMENT_FIRST = 4;
export const SEGMENTS_MAX = 9;

export type LimitKind = 'gcra' | 'rolling' | 'quota';
const LIMIT_KINDS: readonly LimitKind[] = ['gcra', 'rolling', 'quota'];

/** 50 years. No wait is longer, so that no instant overflows 61 bits, nor the sum of two waits 63. */
export const FAR_NS = 1_577_880_000_000_000_000n;

/** The largest cost, also where nothing limits the rate: places in the order of waiters, and sums, stay exact. */
export const PERMITS_MAX = 1_000_000;
const WEIGHT_MAX = 1_000;

/** A limit as it is stored in memory. */
export interface LimitParameters {
  readonly kind: LimitKind;
  /** The largest cost that can ever be taken at once. 0: nothing can, which blocks the budget. */
  readonly permits: number;
  /** `rolling`: first word of its ring. */
  readonly ringAt: number;
  /** `gcra`, `quota`: ns that one permit takes to earn back. `rolling`: ns of the window. */
  readonly ns: bigint;
  /** `gcra`, `quota`: ns that an idle budget saves up. */
  readonly burstNs: bigint;
  /** Of a share: `permits` of the same limit of the whole budget. 0: it is no share. */
  readonly permitsOfWhole: number;
}

export interface ScopeParameters {
  readonly limits: readonly LimitParameters[];
  /** If this scope is a tenant: its share of a provider that is short of permits. */
  readonly weight: number;
  /** 0: no cap. */
  readonly inFlightMax: number;
  /** Calls that may hold a place: the highest cap that the scope had with these segments. */
  readonly leasesMax: number;
  /** First place of each segment of the places in flight. */
  readonly segments: readonly number[];
  /**
   * Number of the cap over the lifetime of the table, so that a call of an old cap does not free a place
   * of a new one.
   */
  readonly capLife: number;
  /** Of a share of a budget: the largest cost of the whole budget. 0: the scope is no share. */
  readonly shareOfMax: number;
}

/** Words of the head of a set of parameters. */
const HEAD_WORDS = 16;
const SEGMENTS_AT = 6;
const SHARE_OF_MAX_AT = SEGMENTS_AT + SEGMENTS_MAX;
const LIMIT_WORDS = 8;

export function writeName(memory: RateMemory, scope: number, name: string): void {
  const at = memory.recordByte(scope);
  for (let i = 0; i < name.length; i++) memory.u8[at + 4 + i] = name.charCodeAt(i);
  memory.i32[at / 4] = name.length;
}

export function readName(memory: RateMemory, scope: number): string {
  const at = memory.recordByte(scope) + 4;
  return String.fromCharCode(...memory.u8.subarray(at, at + nameLength(memory, scope)));
}

export function isNamed(memory: RateMemory, scope: number, name: string): boolean {
  if (nameLength(memory, scope) !== name.length) return false;
  const at = memory.recordByte(scope) + 4;
  for (let i = 0; i < name.length; i++) if (memory.u8[at + i] !== name.charCodeAt(i)) return false;
  return true;
}

/** FNV-1a. */
export function hashOfName(name: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x0100_0193);
  return hash >>> 0;
}

export function writeParameters(
  memory: RateMemory,
  scope: number,
  set: number,
  parameters: ScopeParameters,
): void {
  const { limits, weight, inFlightMax, leasesMax, segments, capLife, shareOfMax } = parameters;
  const at = memory.parametersByte(scope, set) / 4;
  const head = [limits.length, weight, inFlightMax, leasesMax, capLife, segments.length];
  memory.i32.set([...head, ...segments], at);
  memory.i32[at + SHARE_OF_MAX_AT] = shareOfMax;
  for (const [i, limit] of limits.entries()) {
    const limitAt = at + HEAD_WORDS + i * LIMIT_WORDS;
    const kind = LIMIT_KINDS.indexOf(limit.kind);
    memory.i32.set([kind, limit.permits, limit.ringAt, limit.permitsOfWhole], limitAt);
    memory.b64.set([limit.ns, limit.burstNs], limitAt / 2 + 2);
  }
}

/** A copy of a scope that is whole. `name` is `undefined` if the scope does not exist. */
export interface ScopeRecord {
  readonly version: number;
  readonly life: number;
  readonly name: string | undefined;
  readonly parameters: ScopeParameters;
}

/** @throws {InvalidHandleError} if the memory holds what no owner writes. */
export function readScope(memory: RateMemory, scope: number): ScopeRecord {
  const versionAt = memory.versionAt(scope);
  for (;;) {
    const version = Atomics.load(memory.i32, versionAt);
    const exists = (version & 1) === 1;
    const name = exists ? readName(memory, scope) : undefined;
    const life = memory.i32[memory.lifeAt(scope)]!;
    const parameters = readParameters(memory, scope, setOf(version));
    if (Atomics.load(memory.i32, versionAt) !== version) continue; // the owner changed it meanwhile
    if (exists && !isSound(memory, parameters)) {
      throw new InvalidHandleError('budgets', `memory that was overwritten (the parameters of "${name}")`);
    }
    return { version, life, name, parameters };
  }
}

/** Which set of parameters a scope version uses. */
export const setOf = (version: number): number => (version >> 1) & 1;

function readParameters(memory: RateMemory, scope: number, set: number): ScopeParameters {
  const at = memory.parametersByte(scope, set) / 4;
  const head = memory.i32.subarray(at, at + SEGMENTS_AT);
  const [count = 0, weight = 0, inFlightMax = 0, leasesMax = 0, capLife = 0, segments = 0] = head;
  const segmentsAt = at + SEGMENTS_AT;
  return {
    limits: Array.from({ length: within(count, LIMITS_MAX) }, (_, i) =>
      readLimit(memory, at + HEAD_WORDS + i * LIMIT_WORDS),
    ),
    weight,
    inFlightMax,
    leasesMax,
    segments: Array.from(memory.i32.subarray(segmentsAt, segmentsAt + within(segments, SEGMENTS_MAX))),
    capLife,
    shareOfMax: memory.i32[at + SHARE_OF_MAX_AT]!,
  };
}

function readLimit(memory: RateMemory, at: number): LimitParameters {
  const [kind = 0, permits = 0, ringAt = 0, permitsOfWhole = 0] = memory.i32.subarray(at, at + 4);
  const [ns = 0n, burstNs = 0n] = memory.b64.subarray(at / 2 + 2, at / 2 + 4);
  return { kind: LIMIT_KINDS[kind] ?? 'quota', permits, ringAt, ns, burstNs, permitsOfWhole };
}

function isSound(memory: RateMemory, parameters: ScopeParameters): boolean {
  const { limits, weight, inFlightMax, leasesMax, segments, shareOfMax } = parameters;
  const { rollingPermitsMax, inFlightPlacesMax } = memory.sizes;
  return (
    isBetween(weight, 1, WEIGHT_MAX) &&
    isBetween(shareOfMax, 0, PERMITS_MAX) &&
    isBetween(inFlightMax, 0, leasesMax) &&
    isBetween(leasesMax, 0, placesIn(segments.length)) &&
    segments.every((at, i) => isBetween(at, 0, inFlightPlacesMax - segmentPlaces(i))) &&
    limits.every(
      ({ kind, permits, ringAt, ns, burstNs, permitsOfWhole }) =>
        isBetween(permits, kind === 'quota' ? 0 : 1, PERMITS_MAX) &&
        isBetween(permitsOfWhole, 0, PERMITS_MAX) &&
        ns > 0n &&
        ns <= FAR_NS &&
        burstNs >= 0n &&
        burstNs <= FAR_NS &&
        (kind !== 'rolling' || isBetween(ringAt, 0, rollingPermitsMax - permits)),
    )
  );
}

/** Places of a segment. */
export const segmentPlaces = (segment: number): number =>
  segment === 0 ? SEGMENT_FIRST : SEGMENT_FIRST << (segment - 1);

/** Places of the first so many segments. */
export const placesIn = (segments: number): number => (segments === 0 ? 0 : SEGMENT_FIRST << (segments - 1));

const nameLength = (memory: RateMemory, scope: number): number =>
  within(memory.i32[memory.recordByte(scope) / 4]!, NAME_BYTES_MAX);

const within = (value: number, most: number): number => Math.max(0, Math.min(value, most));
const isBetween = (value: number, least: number, most: number): boolean => value >= least && value <= most;
