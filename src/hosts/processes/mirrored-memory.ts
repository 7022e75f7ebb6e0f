import { PipelineError } from '../../core/errors.js';
import type { Nanos } from '../../core/units.js';
import { COUNTERS, type CounterName, type Counters } from '../../shared-memory/counters.js';
import type { MemoryCopy } from '../../shared-memory/mirror-of.js';
import type { ThreadWatch } from '../../shared-memory/thread-watch.js';

/** They are instants of the clock of the process, and become instants of this one. */
const INSTANTS: ReadonlySet<CounterName> = new Set([
  'firstRowAtNs',
  'firstOutAtNs',
  'lastOutAtNs',
  'heartbeatNs',
]);

/** By so much, the clocks of two processors may differ. */
const UNEVEN_NS = 10_000_000n;

/**
 * What a process counts, in the memory of this one. The clocks of the two are not taken as one: an instant goes from
 * one to the other by the shortest way that a message has taken so far. So an instant of the process comes out late
 * here, and one of here comes out early there, never the other way round.
 */
export class MirroredMemory {
  /** Before the process was started. */
  readonly #madeNs: bigint;
  /** Where the offset between the clocks cannot be below: see `hear`. */
  #offsetNsMin: bigint | undefined;
  readonly #counters: Counters;
  readonly #watch: ThreadWatch;
  readonly #now: () => bigint;
  /** From the clock of the process to this one. */
  #offsetNs: bigint | undefined;
  #copiedNs = 0n;
  /** What the rows wait for, as the process said it, and since when by this clock. */
  #held: { readonly place: number; readonly sinceNs: bigint; readonly hereNs: bigint } | undefined;
  /** Log lines that were dropped on this side. */
  #dropped = 0;

  constructor(counters: Counters, watch: ThreadWatch, now: () => bigint = () => process.hrtime.bigint()) {
    this.#counters = counters;
    this.#watch = watch;
    this.#now = now;
    this.#madeNs = now();
  }

  /**
   * A message has come that was sent at this instant of the clock of the process. Its code can forge one, and would
   * move the end of its lease by it. But the first message was sent before any of that code ran, and after the process
   * was started: so that one was under way for no longer than the process was there, and no later one can have been
   * faster by more than that.
   *
   * @throws {PipelineError} for an instant that has not come yet.
   */
  hear(sentNs: bigint): void {
    const nowNs = this.#now();
    const offsetNs = nowNs - sentNs;
    this.#offsetNsMin ??= offsetNs - (nowNs - this.#madeNs) - UNEVEN_NS;
    if (offsetNs < this.#offsetNsMin) {
      const aheadNs = this.#offsetNsMin - offsetNs;
      throw new PipelineError(
        'INTERNAL',
        `Expected a message of a process of tickloom, found one from the future, by ${aheadNs} ns`,
      );
    }
    if (this.#offsetNs === undefined || offsetNs < this.#offsetNs) this.#offsetNs = offsetNs;
  }

  /** The process is there: a heartbeat, before its first one. */
  begin(sentNs: bigint): void {
    this.hear(sentNs);
    this.#counters.set('heartbeatNs', this.#now());
  }

  /** Takes a copy, unless a later one came first. */
  take({ nowNs, cells, place, held }: MemoryCopy): void {
    this.hear(nowNs);
    if (nowNs < this.#copiedNs) return;
    this.#copiedNs = nowNs;
    for (const [i, name] of COUNTERS.entries()) {
      const value = cells[i] ?? 0;
      if (name === 'logsTaken' || (name === 'heartbeatNs' && value === 0)) continue; // this side knows better
      if (name === 'logsDropped') this.#counters.set(name, value + this.#dropped);
      else this.#counters.set(name, INSTANTS.has(name) ? this.#here(BigInt(value)) : value);
    }
    this.#watch.atWork[0] = place;
    this.#watch.tellHeld(held && { place: held.place, sinceNs: this.#heldSince(held) });
  }

  /** A log line of the process was dropped here. */
  dropLine(): void {
    this.#dropped++;
    this.#counters.add('logsDropped', 1);
  }

  /** The instant up to which the run may go on, on the clock of the process. Ask once something was heard. */
  get mayRunUntilNs(): bigint {
    const untilNs: Nanos = this.#counters.mayRunUntilNs;
    return untilNs === 0n ? 0n : untilNs - (this.#offsetNs ?? 0n);
  }

  #here(instantNs: bigint): bigint {
    return instantNs === 0n ? 0n : instantNs + (this.#offsetNs ?? 0n);
  }

  /** The same for as long as the rows wait for the same, though the way between the clocks may get shorter. */
  #heldSince({ place, sinceNs }: NonNullable<MemoryCopy['held']>): bigint {
    if (this.#held?.place !== place || this.#held.sinceNs !== sinceNs) {
      this.#held = { place, sinceNs, hereNs: this.#here(sinceNs) };
    }
    return this.#held.hereNs;
  }
}
