import type { BudgetPort, BudgetShare, ShareRequest } from '../../src/resilience/budget-port.js';
import type { SimulatedClock } from './simulated-clock.js';

/** What an owner has or may still take. */
interface Dealt {
  readonly request: number;
  readonly permits: number;
  readonly burst: number;
  readonly endNs: bigint;
}

export interface DealerSettings {
  readonly clock: SimulatedClock;
  /** Permits a second, and at once, over all hosts. */
  readonly permits: number;
  readonly burst: number;
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
    const { clock, permits, burst, ttlMs, random, forgets = false } = this.#settings;
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
    const most = (of: 'permits' | 'burst') =>
      [...this.#dealt]
        .filter(([each]) => each !== owner)
        .reduce((sum, [, list]) => sum + Math.max(0, ...list.map((one) => one[of])), 0);
    const dealt: Dealt = {
      request,
      permits: Math.floor(random() * (permits - most('permits') + 1)),
      burst: Math.floor(random() * (burst - most('burst') + 1)),
      endNs: now + BigInt(ttlMs) * 1_000_000n,
    };
    this.#dealt.set(owner, [...own, dealt]);
    const isNothing = dealt.permits === 0 || dealt.burst === 0;
    return {
      budget: isNothing ? { permits: 0 } : { permits: dealt.permits, burst: dealt.burst },
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
