import type { BreakerReason } from '../../shared-memory/breaker-memory.js';
import type { BreakerGauges } from './trip-conditions.js';

/** What happens to a breaker, as reported to its owner. */
export type BreakerEvent =
  | {
      readonly type: 'opened';
      readonly breaker: string;
      readonly reason: BreakerReason;
      /** How long it stays open, measured from the call that opened it. */
      readonly openForMs: number;
      /** Openings since it was last closed, this one included. */
      readonly openings: number;
      /** What its conditions had counted, if they opened it: what each holds, and the rates of windows. */
      readonly gauges?: BreakerGauges;
    }
  | { readonly type: 'halfOpened'; readonly breaker: string }
  | {
      readonly type: 'closed';
      readonly breaker: string;
      readonly cause: 'probes' | 'reset' | 'enabled' | 'told';
    }
  | { readonly type: 'heldOpen'; readonly breaker: string }
  | { readonly type: 'disabled'; readonly breaker: string }
  /** Its options were changed. */
  | { readonly type: 'configured'; readonly breaker: string }
  /** A probe ended. */
  | {
      readonly type: 'probe';
      readonly breaker: string;
      readonly outcome: 'succeeded' | 'failed';
      /** The lower 20 bits of the id of its thread. */
      readonly thread: number;
    }
  /**
   * `machine`: the machine failed; from now on the breaker does what `whenBroken` says. `listener`: a
   * listener or an inspector threw, or rejected; nothing else changes. `callback`: `classify` or
   * `onThrottled` did, or `classify` returned something else than an answer; the call is counted all the same.
   */
  | {
      readonly type: 'error';
      readonly breaker: string;
      readonly in: 'machine' | 'listener' | 'callback';
      readonly error: unknown;
    }
  /** A stream's reader was too slow: this many events were dropped, oldest first. */
  | { readonly type: 'missed'; readonly breaker: string; readonly count: number };

/** Is told each event of a breaker, in order. May be async; nothing waits for it. */
export type BreakerListener = (event: BreakerEvent) => void;
