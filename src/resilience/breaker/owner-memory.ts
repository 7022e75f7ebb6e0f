import type { Clock } from '../../core/clock.js';
import type { Nanos } from '../../core/units.js';
import {
  BREAKER_REASONS,
  BREAKER_STATES,
  type BreakerReason,
  type BreakerState,
  breakerBytes,
  CLOSED,
  DISABLED,
  epochOf,
  growBreakerMemory,
  HELD_OPEN,
  nextEpoch,
  OPEN,
  OPEN_FOR_CELL,
  OPENED_AT_CELL,
  packWord,
  stateOf,
} from '../../shared-memory/breaker-memory.js';
import type { BreakerCells } from './breaker-cells.js';
import type { BreakerSettings } from './breaker-options.js';
import { type BreakerRules, currentRules } from './breaker-rules.js';
import type { CountedOutcomes } from './trip-conditions.js';

const NS_PER_MS = 1e6;

/** A state of the machine, as far as memory goes. */
interface Situation {
  readonly value: BreakerState;
  readonly context: { readonly openForMs: number; readonly reason?: BreakerReason | undefined };
}

/** What only the owner of a breaker writes to its memory: the settings, and what comes before a state. */
export class OwnerMemory {
  readonly #cells: BreakerCells;
  readonly #clock: Clock;
  #settings: BreakerSettings;
  #rules: BreakerRules;

  constructor(cells: BreakerCells, settings: BreakerSettings, clock: Clock) {
    this.#cells = cells;
    this.#clock = clock;
    this.#settings = settings;
    cells.settings.write(settings);
    this.#rules = currentRules(cells);
  }

  get settings(): BreakerSettings {
    return this.#settings;
  }

  get rules(): BreakerRules {
    return this.#rules;
  }

  /** Other threads follow once the control word has changed. */
  adopt(settings: BreakerSettings): void {
    growBreakerMemory(this.#cells.memory, breakerBytes(settings));
    this.#cells.settings.write(settings);
    this.#settings = settings;
    this.#rules = currentRules(this.#cells);
  }

  /** What a breaker with this control word has counted: nothing, unless it is closed. */
  outcomes(word: number, now: Nanos): CountedOutcomes {
    return stateOf(word) === CLOSED ? this.#rules.conditions.outcomes(epochOf(word), now) : {};
  }

  /**
   * Writes the data of a state before the word that begins it.
   *
   * @param from - The control word before it.
   * @param outcomes - What a closed breaker continues with.
   * @returns The word.
   */
  prepare({ value, context }: Situation, from: number, now: Nanos, outcomes: CountedOutcomes): number {
    const { longs } = this.#cells;
    const { openForMs, reason } = context;
    const state = BREAKER_STATES.indexOf(value);
    const epoch = nextEpoch(from);
    this.#rules.conditions.begin(epoch, now, outcomes);
    // A breaker that stays closed or open keeps its instant: another thread may be opening it right now.
    if (state !== stateOf(from)) {
      // That of a closed one differs from every earlier value, so that a thread that slept while opening
      // cannot write its old instant.
      if (state === CLOSED) Atomics.store(longs, OPENED_AT_CELL, BigInt(-1 - epoch));
      if (state === OPEN || state === HELD_OPEN) Atomics.store(longs, OPENED_AT_CELL, now);
    }
    this.openFor(openForMs);
    return packWord(state, BREAKER_REASONS.indexOf(reason ?? 'none'), epoch);
  }

  /** How long an opening lasts: the next one, or the one that has begun. */
  openFor(ms: number): void {
    Atomics.store(this.#cells.longs, OPEN_FOR_CELL, BigInt(Math.ceil(ms * NS_PER_MS)));
  }

  /** From now on, threads do what `whenBroken` says. */
  leaveToThreads(reason: 'machineBroken' | 'ownerClosed'): void {
    const state = this.#settings.whenBroken === 'fail-open' ? DISABLED : HELD_OPEN;
    let word: number;
    do {
      word = this.#cells.load();
      if (stateOf(word) === CLOSED) Atomics.store(this.#cells.longs, OPENED_AT_CELL, this.#clock.now());
    } while (!this.#cells.move(word, packWord(state, BREAKER_REASONS.indexOf(reason), nextEpoch(word))));
  }
}
