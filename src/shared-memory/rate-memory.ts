import { InvalidOptionsError } from '../core/errors.js';

/**
 * The layout of budgets in the memory that all threads share. No other file knows an offset.
 *
 * ```
 * header · members · scopes · statistics · arena
 * scope: state line | who waits | who is late | parameters ×2 | cells ×2 | virtual time | lanes | line entries
 * ```
 *
 * A scope's parameters (rates, windows, caps) are immutable once published: a change writes the other of
 * the two sets and increments the scope's version. Cells that threads write often are on cache lines of
 * their own.
 */

/** Two cache lines of 64 bytes: the prefetcher of x86 fetches them in pairs. */
const LINE_BYTES = 128;
const MAGIC = 0x54_4c_52_31; // "TLR1"
const NAME_BYTES_MAX = 248;

/** Most limits that one budget may have. */
export const LIMITS_MAX = 4;
/** Most calls that one scope may have in flight. */
export const IN_FLIGHT_MAX = 1_024;
/** Arena words for the leases of an in-flight cap: 32-bit leases in 64-bit words. */
export const GATE_ARENA_WORDS = IN_FLIGHT_MAX / 2;

const PARAMETER_BYTES = 32;
const PARAMETERS_HEAD_BYTES = 32;
const PARAMETERS_BYTES = 256;

/** Number of counters that a member has for one scope. */
export const STATISTICS_COUNTERS = 8;

export interface RateMemorySizes {
  /** Scopes that may exist at the same time. */
  readonly scopesMax: number;
  /** Threads (strictly: opened clients) that may spend at the same time. */
  readonly threadsMax: number;
  /** 64-bit words for rolling windows (one for each permit) and in-flight caps (512 each). */
  readonly arenaWords: number;
}

export type LimitKind = 'gcra' | 'rolling' | 'quota';
const LIMIT_KINDS: readonly LimitKind[] = ['gcra', 'rolling', 'quota'];

/** A limit as it is stored in memory. */
export interface LimitParameters {
  readonly kind: LimitKind;
  /** The largest cost that can ever be taken at once. */
  readonly permits: number;
  /** `rolling`: first word in the arena. */
  readonly arenaAt: number;
  /** `gcra`, `quota`: ns that one permit takes to earn back. `rolling`: ns of the window. */
  readonly ns: bigint;
  /** `gcra`, `quota`: ns that an idle budget saves up. */
  readonly burstNs: bigint;
}

export interface ScopeParameters {
  readonly limits: readonly LimitParameters[];
  /** If this scope is a tenant: its share of a provider that is short of permits. */
  readonly weight: number;
  /** 0: no cap. */
  readonly inFlightMax: number;
  /** First arena word of the leases. */
  readonly gateAt: number;
  /** Leases that may be held: the highest cap that the scope ever had. */
  readonly leasesMax: number;
  /**
   * Number of the gate over the lifetime of the table, so that a lease of an old gate is not valid for a
   * new one.
   */
  readonly gateLife: number;
}

export class RateMemory {
  readonly buffer: SharedArrayBuffer;
  readonly sizes: RateMemorySizes;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly u8: Uint8Array;
  readonly b64: BigInt64Array;
  /** 32-bit words of a mask that has one bit for each member. */
  readonly maskWords: number;

  readonly #maskBytes: number;
  readonly #scopesAt: number;
  readonly #scopeBytes: number;
  readonly #statisticsAt: number;
  readonly #arenaAt: number;
  readonly #parametersAt: number;
  readonly #cellsAt: number;
  readonly #virtualTimeAt: number;
  readonly #lanesAt: number;
  readonly #entriesAt: number;

  private constructor(buffer: SharedArrayBuffer, sizes: RateMemorySizes) {
    const { scopesMax, threadsMax } = sizes;
    this.buffer = buffer;
    this.sizes = sizes;
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.b64 = new BigInt64Array(buffer);
    this.maskWords = Math.ceil(threadsMax / 32);

    this.#maskBytes = toLine(this.maskWords * 4);
    this.#parametersAt = 2 * LINE_BYTES + NAME_SPACE + 2 * this.#maskBytes - LINE_BYTES;
    this.#cellsAt = this.#parametersAt + 2 * PARAMETERS_BYTES;
    this.#virtualTimeAt = this.#cellsAt + 2 * LIMITS_MAX * LINE_BYTES;
    this.#lanesAt = this.#virtualTimeAt + LINE_BYTES;
    this.#entriesAt = this.#lanesAt + toLine((scopesMax + 1) * 8);
    this.#scopeBytes = this.#entriesAt + toLine(threadsMax * 16);

    this.#scopesAt = 2 * LINE_BYTES + toLine(threadsMax * 4);
    this.#statisticsAt = this.#scopesAt + scopesMax * this.#scopeBytes;
    this.#arenaAt = this.#statisticsAt + threadsMax * scopesMax * STATISTICS_COUNTERS * 8;
  }

  /** @throws {InvalidOptionsError} if there is not enough memory for a table of these sizes. */
  static create(sizes: RateMemorySizes): RateMemory {
    const layout = new RateMemory(new SharedArrayBuffer(0), sizes);
    const bytes = layout.#arenaAt + sizes.arenaWords * 8;
    const memory = new RateMemory(sharedBytes(bytes), sizes);
    memory.i32.set([MAGIC, sizes.scopesMax, sizes.threadsMax, sizes.arenaWords]);
    return memory;
  }

  /** @returns `undefined` if the memory is not a table of budgets. */
  static open(buffer: SharedArrayBuffer): RateMemory | undefined {
    if (buffer.byteLength < LINE_BYTES) return undefined;
    const [magic, scopesMax, threadsMax, arenaWords] = new Int32Array(buffer, 0, 4);
    if (magic !== MAGIC) return undefined;
    return new RateMemory(buffer, {
      scopesMax: scopesMax!,
      threadsMax: threadsMax!,
      arenaWords: arenaWords!,
    });
  }

  // --- indexes into i32 ---

  /** Incremented whenever a scope is added or removed. */
  get directoryVersionAt(): number {
    return LINE_BYTES / 4;
  }

  /** 0 if the slot is free, otherwise the id of its thread + 1. */
  memberAt(member: number): number {
    return (2 * LINE_BYTES) / 4 + member;
  }

  /** Odd while the scope exists: each change adds two, creation and removal add one. */
  versionAt(scope: number): number {
    return this.#scope(scope) / 4;
  }

  /** First word of the mask of members with a waiter at the scope. */
  waitingAt(scope: number): number {
    return (this.#scope(scope) + LINE_BYTES + NAME_SPACE) / 4;
  }

  /** First word of the mask of members that missed their turn and are passed over. */
  lateAt(scope: number): number {
    return (this.#scope(scope) + LINE_BYTES + NAME_SPACE + this.#maskBytes) / 4;
  }

  /** Cost of the waiter at the front of the member's own queue. */
  entryCostAt(scope: number, member: number): number {
    return (this.#scope(scope) + this.#entriesAt + member * 16 + 8) / 4;
  }

  /** When that member will check again: the low 32 bits of an instant in ms. */
  entryDueAt(scope: number, member: number): number {
    return this.entryCostAt(scope, member) + 1;
  }

  // --- indexes into f64 ---

  /** Written by the thread that is this member at the time; never reset while the scope exists. */
  statisticsAt(member: number, scope: number): number {
    return this.#statisticsAt / 8 + (member * this.sizes.scopesMax + scope) * STATISTICS_COUNTERS;
  }

  /** Counts cooldowns and reported usage: permits taken before one of them are not returned. */
  toldAt(scope: number): number {
    return (this.#scope(scope) + 24) / 4;
  }

  // --- indexes into b64 ---

  /** Instant (`Clock.now`) before which nothing is granted. */
  blockedUntilAt(scope: number): number {
    return (this.#scope(scope) + 16) / 8;
  }

  cellAt(scope: number, set: number, limit: number): number {
    return (this.#scope(scope) + this.#cellsAt + (set * LIMITS_MAX + limit) * LINE_BYTES) / 8;
  }

  virtualTimeAt(scope: number): number {
    return (this.#scope(scope) + this.#virtualTimeAt) / 8;
  }

  /** @param tenant - The tenant's scope, or −1 for callers without a tenant. */
  laneAt(scope: number, tenant: number): number {
    return (this.#scope(scope) + this.#lanesAt) / 8 + tenant + 1;
  }

  entryKeyAt(scope: number, member: number): number {
    return (this.#scope(scope) + this.#entriesAt + member * 16) / 8;
  }

  arenaAt(word: number): number {
    return this.#arenaAt / 8 + word;
  }

  // --- names and parameters: written by the owner alone, before it publishes a version ---

  writeName(scope: number, name: string): void {
    const at = this.#scope(scope) + LINE_BYTES;
    const bytes = new TextEncoder().encode(name);
    this.u8.set(bytes, at + 4);
    this.i32[at / 4] = bytes.length;
  }

  readName(scope: number): string {
    const at = this.#scope(scope) + LINE_BYTES;
    const length = Math.min(this.i32[at / 4]!, NAME_BYTES_MAX);
    return new TextDecoder().decode(this.u8.slice(at + 4, at + 4 + length));
  }

  writeParameters(scope: number, set: number, parameters: ScopeParameters): void {
    const at = this.#scope(scope) + this.#parametersAt + set * PARAMETERS_BYTES;
    const { limits, weight, inFlightMax, gateAt, leasesMax, gateLife } = parameters;
    this.i32.set([limits.length, weight, inFlightMax, gateAt, leasesMax, gateLife], at / 4);
    for (const [i, limit] of limits.entries()) {
      const limitAt = at + PARAMETERS_HEAD_BYTES + i * PARAMETER_BYTES;
      this.i32.set([LIMIT_KINDS.indexOf(limit.kind), limit.permits, limit.arenaAt], limitAt / 4);
      this.b64.set([limit.ns, limit.burstNs], limitAt / 8 + 2);
    }
  }

  readParameters(scope: number, set: number): ScopeParameters {
    const at = this.#scope(scope) + this.#parametersAt + set * PARAMETERS_BYTES;
    const head = this.i32.subarray(at / 4, at / 4 + 6);
    const [count, weight, inFlightMax, gateAt, leasesMax, gateLife] = head;
    const limits = Array.from({ length: Math.min(count!, LIMITS_MAX) }, (_, i) => {
      const limitAt = at + PARAMETERS_HEAD_BYTES + i * PARAMETER_BYTES;
      const [kind, permits, arenaAt] = this.i32.subarray(limitAt / 4, limitAt / 4 + 3);
      const [ns, burstNs] = this.b64.subarray(limitAt / 8 + 2, limitAt / 8 + 4);
      return {
        kind: LIMIT_KINDS[kind!] ?? 'quota',
        permits: permits!,
        arenaAt: arenaAt!,
        ns: ns!,
        burstNs: burstNs!,
      };
    });
    return {
      limits,
      weight: weight!,
      inFlightMax: inFlightMax!,
      gateAt: gateAt!,
      leasesMax: leasesMax!,
      gateLife: gateLife!,
    };
  }

  #scope(scope: number): number {
    return this.#scopesAt + scope * this.#scopeBytes;
  }
}

/** Length word and bytes of a scope's name. */
const NAME_SPACE = 256;

/** Bytes of UTF-8 that the name of a scope may have. */
export const SCOPE_NAME_BYTES_MAX = NAME_BYTES_MAX;

function toLine(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
}

function sharedBytes(bytes: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(bytes);
  } catch {
    const found = `found one of ${Math.ceil(bytes / 2 ** 20).toLocaleString('en')} MiB`;
    throw new InvalidOptionsError('rate', [
      `scopesMax, threadsMax: expected a table that fits in memory, ${found}`,
    ]);
  }
}
