import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import type { AcquireOptions, RateCoordinator, ScopeRef } from '../../dist/src/resilience/rate/rate.js';
import type { Admission } from './admission-checker.js';

const ENTRY = new URL('./rate-spender.worker.mjs', import.meta.url);
const ADMISSIONS_MAX = 200_000;

export interface SpenderOptions {
  readonly ref: ScopeRef;
  /** `try`: in a tight loop. `acquire`: each caller waits for one permit after the other. */
  readonly mode: 'try' | 'acquire';
  /** Taken in turn. */
  readonly costs?: readonly number[];
  /** Calls that wait at one time. */
  readonly callers?: number;
  /** Between a permit and the next call. */
  readonly gapMs?: number;
  readonly acquire?: {
    readonly priority?: AcquireOptions['priority'];
    /** Share of the calls that give up within 20 ms, by a signal or a deadline. */
    readonly impatient?: number;
  };
}

/** What a thread saw until the end of its time. */
export interface Seen {
  readonly granted: number;
  readonly permits: number;
  readonly refused: number;
  readonly codes: Readonly<Record<string, number>>;
  readonly waitedMsMax: number;
}

type Told =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly seen: Seen }
  | { readonly type: 'cooled'; readonly before: bigint; readonly after: bigint };

/** A thread that spends from budgets. Ended with the test. */
export class Spender {
  readonly worker: Worker;
  readonly #records: SharedArrayBuffer;

  private constructor(worker: Worker, records: SharedArrayBuffer) {
    this.worker = worker;
    this.#records = records;
  }

  static async start(rates: RateCoordinator, options: SpenderOptions, seed = 1): Promise<Spender> {
    const { costs = [1], callers = 1, gapMs = 0, acquire = {} } = options;
    const records = new SharedArrayBuffer(8 + ADMISSIONS_MAX * 24);
    const workerData = { handle: rates.handle(), ...options, costs, callers, gapMs, acquire, records, seed };
    const worker = new Worker(ENTRY, { workerData });
    rates.attach(worker);
    onTestFinished(async () => void (await worker.terminate()));
    const spender = new Spender(worker, records);
    await spender.#told('ready');
    return spender;
  }

  static startAll(rates: RateCoordinator, all: readonly SpenderOptions[]): Promise<Spender[]> {
    return Promise.all(all.map((options, i) => Spender.start(rates, options, i + 1)));
  }

  /** Begins to spend; resolves at the end of the time. */
  async spend(ms: number): Promise<Seen> {
    this.worker.postMessage({ type: 'spend', ms });
    return (await this.#told('done')).seen;
  }

  /** Asks in its thread for a cooldown of the provider; the clock before and after. */
  async cool(ms: number): Promise<{ readonly before: bigint; readonly after: bigint }> {
    this.worker.postMessage({ type: 'cool', ms });
    return this.#told('cooled');
  }

  get admitted(): number {
    return Number(Atomics.load(new BigInt64Array(this.#records), 0));
  }

  admissions(): Admission[] {
    const rows = new BigInt64Array(this.#records);
    return Array.from({ length: this.admitted }, (_, row) => ({
      earliest: rows[3 * row + 1]!,
      latest: rows[3 * row + 2]!,
      cost: Number(rows[3 * row + 3]),
    }));
  }

  /** Rejects when the thread fails, or ends without having told. */
  async #told<T extends Told['type']>(type: T): Promise<Extract<Told, { readonly type: T }>> {
    const end = new AbortController();
    const ended = once(this.worker, 'exit', { signal: end.signal }).then(([code]) => {
      throw new Error(`expected "${type}" of a thread, found that it has ended with code ${code}`);
    });
    try {
      for (;;) {
        const [told] = (await Promise.race([once(this.worker, 'message'), ended])) as [Told];
        if (told.type === type) return told as Extract<Told, { readonly type: T }>;
      }
    } finally {
      end.abort();
      ended.catch(() => {});
    }
  }
}

/** Nothing of this thread runs meanwhile: no timer, no message, no wake-up. */
export function blockFor(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

export const spendAll = (spenders: readonly Spender[], forMs: number): Promise<Seen[]> =>
  Promise.all(spenders.map((spender) => spender.spend(forMs)));

export const admissionsOf = (spenders: readonly Spender[]): Admission[] =>
  spenders.flatMap((spender) => spender.admissions());

export const permitsOf = (admissions: readonly Admission[]): number =>
  admissions.reduce((sum, { cost }) => sum + cost, 0);

const TRIES = 5;

/**
 * What a machine gives to others lowers what its threads can do: the best of a few tries counts.
 * An attempt itself fails at once where a law is broken. What it returns tells how well it did.
 */
export async function atBest(attempt: () => Promise<() => void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    const performs = await attempt();
    try {
      return performs();
    } catch (error) {
      if (tries === TRIES) throw error;
    }
  }
}
