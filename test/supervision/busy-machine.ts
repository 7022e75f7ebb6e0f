import type { ThreadTime } from '../../src/hosts/thread-time.js';
import type { WatchedJob, WatchedRun } from '../../src/supervision/watchdog.js';

/** What a simulated thread does with the next piece of its time. */
export type Piece =
  /** Has no processor, though it could run. */
  | { readonly does: 'starve'; readonly ms: number }
  /** Runs without a turn of its loop. */
  | { readonly does: 'run'; readonly ms: number }
  /** Is in a call that blocks it. */
  | { readonly does: 'block'; readonly ms: number }
  /** Turns its loop, and waits in it. */
  | { readonly does: 'turn'; readonly ms: number };

let made = 0;

/** A thread on a machine where others take the processors, and what the system says of it. */
export class SimulatedThread implements WatchedJob {
  readonly found: string[] = [];
  readonly #pieces: readonly Piece[];
  #beatNs = 1;
  #ranMs = 0;
  #waitedMs = 0;
  /** The wait that goes on: the system counts it once it is over. */
  #waitingMs = 0;
  #does: Piece['does'] = 'turn';
  #at = 0;
  #leftMs: number;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
    this.#leftMs = pieces[0]?.ms ?? Number.POSITIVE_INFINITY;
  }

  readonly watched: { readonly run: WatchedRun; readonly isPaused: boolean } = {
    run: {
      counters: {
        get: () => this.#beatNs,
        read: () => ({}) as never, // nothing is held, so nobody asks for more
      },
      watch: { held: undefined, place: 0, systemId: ++made },
    },
    isPaused: false,
  };

  /** Lets time pass, also while nobody looks. */
  pass(ms: number): void {
    for (let left = ms; left > 0; ) {
      const piece = this.#pieces[this.#at] ?? { does: 'turn', ms: Number.POSITIVE_INFINITY };
      const step = Math.min(left, this.#leftMs);
      this.#spend(piece.does, step);
      left -= step;
      this.#leftMs -= step;
      if (this.#leftMs > 0) continue;
      this.#at++;
      this.#leftMs = this.#pieces[this.#at]?.ms ?? Number.POSITIVE_INFINITY;
    }
  }

  time(): ThreadTime {
    return {
      ranNs: this.#ranMs * 1e6,
      waitedNs: this.#waitedMs * 1e6,
      isRunnable: this.#does === 'run' || this.#does === 'starve',
    };
  }

  findStuck(): void {
    this.found.push('stuck');
  }
  findStalled(): void {
    this.found.push('stalled');
  }
  findMoving(): void {
    this.found.push('moving');
  }

  #spend(does: Piece['does'], ms: number): void {
    this.#does = does;
    if (does === 'starve') {
      this.#waitingMs += ms;
      return;
    }
    this.#waitedMs += this.#waitingMs;
    this.#waitingMs = 0;
    if (does === 'run') this.#ranMs += ms;
    if (does === 'turn') this.#beatNs++;
  }
}
