import type { BudgetPort, BudgetShare, ShareRequest } from '../../src/resilience/budget-port.js';
import type { SimulatedClock } from './simulated-clock.js';

/** One limit of the budget. */
export interface DealtLimit {
  readonly permits: number;
  readonly per: string;
  /** Of a rate. Without it, the limit is a rolling window. */
  readonly burst?: number;
}

/** What an owner has or may still take. */
interface Dealt {
  readonly request: number;
  /** By limit. */
  readonly permits: readonly number[];
  readonly bursts: readonly number[];
  readonly endNs: bigint;
}

export interface DealerSettings {
  readonly clock: SimulatedClock;
  /** Over all hosts. */
  readonly limits: readonly DealtLimit[];
  readonly ttlMs: number;
  /** In [0, 1). */
  random(): number;
  /** A planted fault: gives away what owners that are late to ask again may still spend. */
  readonly forgets?: boolean;
}

/** A coordinator of budgets on a host of its own: deals one budget out, as much as it can be sure is not dealt. */
export class BudgetDealer {
  readonly #settings: DealerSettings;
  readonly #dealt = new Map<string, Dealt[]>();
  #cooledUntil = 0n;

  constructor(settings: DealerSettings) {
    this.#settings = settings;
  }

  answer({ owner, request, holds, cooldownMs }: ShareRequest): BudgetShare {
    const { clock, limits, ttlMs, random, forgets = false } = this.#settings;
    const now = clock.now();
    const cooledUntil = now + BigInt(Math.ceil(cooldownMs * 1e6));
    if (cooledUntil > this.#cooledUntil) this.#cooledUntil = cooledUntil;
    const early = forgets ? (BigInt(ttlMs) * 1_000_000n * 2n) / 3n : 0n;
    for (const [each, list] of this.#dealt) {
      const since = each === owner ? holds : 0;
      this.#dealt.set(
        each,
        list.filter((dealt) => dealt.endNs > now + early && dealt.request >= since),
      );
    }
    const own = this.#dealt.get(owner) ?? [];
    const others = [...this.#dealt].filter(([each]) => each !== owner);
    const part = (whole: number, of: 'permits' | 'bursts', index: number) => {
      const most = others.reduce(
        (sum, [, list]) => sum + Math.max(0, ...list.map((one) => one[of][index]!)),
        0,
      );
      return Math.floor(random() * (whole - most + 1));
    };
    const dealt: Dealt = {
      request,
      permits: limits.map(({ permits }, index) => part(permits, 'permits', index)),
      bursts: limits.map(({ burst = 0 }, index) => part(burst, 'bursts', index)),
      endNs: now + BigInt(ttlMs) * 1_000_000n,
    };
    this.#dealt.set(owner, [...own, dealt]);
    const isNothing = limits.some(
      ({ burst }, index) => dealt.permits[index] === 0 || (burst !== undefined && dealt.bursts[index] === 0),
    );
    const shares = limits.map(({ per, burst }, index) => {
      const permits = dealt.permits[index]!;
      return burst === undefined
        ? { permits, per, algorithm: 'rolling' as const }
        : { permits, per, burst: dealt.bursts[index]! };
    });
    return {
      budget: isNothing ? { permits: 0 } : { limits: shares },
      ttlMs,
      cooldownMs: Math.max(0, Number(this.#cooledUntil - now) / 1e6),
    };
  }
}

export interface Weather {
  readonly clock: SimulatedClock;
  random(): number;
  /** Chance of a message to be lost, or to come twice. */
  readonly lost: number;
  readonly doubled: number;
  readonly delayMsMax: number;
}

/** The way to a dealer, on which messages are lost, late and doubled. */
export function portTo(
  dealer: BudgetDealer,
  { clock, random, lost, doubled, delayMsMax }: Weather,
): BudgetPort {
  const send = (deliver: () => void) => {
    for (let copies = random() < doubled ? 2 : 1; copies > 0; copies--) {
      if (random() >= lost) clock.setTimeout(deliver, random() * delayMsMax);
    }
  };
  return {
    isShared: true,
    renew: (request) =>
      new Promise((resolve) => {
        send(() => {
          const answer = dealer.answer(request);
          send(() => resolve(answer));
        });
      }),
  };
}
