import type { TradingSession } from '../../../calendars/market-state.js';

/** From an instant to just before another. */
export interface WindowSpan {
  readonly from: bigint;
  readonly to: bigint;
}

/** The windows of a trade date, numbered from 0 on. */
export interface DayWindows {
  readonly count: number;
  has(number: number): boolean;
  window(number: number): WindowSpan;
  /** Whether a window may begin earlier or end later than is known. */
  isUncertain(number: number): boolean;
  /** `undefined` if all have ended by then. */
  firstEndingAfter(timeNs: bigint): number | undefined;
}

/** @param everyNs - Their length; `undefined`: one for the whole session. */
export const windowsOfDay = (session: TradingSession, everyNs: bigint | undefined): DayWindows =>
  everyNs === undefined ? new WholeSession(session) : new WindowsOfHours(session, everyNs);

/** From the first hours that are known to be open to the last, breaks included. */
class WholeSession implements DayWindows {
  readonly count = 1;
  readonly #span: WindowSpan;

  readonly #isUncertain: boolean;

  constructor({ parts, open, close }: TradingSession) {
    this.#isUncertain = open === undefined || close === undefined;
    this.#span = { from: parts[0]!.open, to: parts.at(-1)!.close };
  }

  has(number: number): boolean {
    return number === 0;
  }

  window(): WindowSpan {
    return this.#span;
  }

  isUncertain(): boolean {
    return this.#isUncertain;
  }

  firstEndingAfter(timeNs: bigint): number | undefined {
    return timeNs < this.#span.to ? 0 : undefined;
  }
}

interface Hours extends WindowSpan {
  /** Number of its first window. */
  readonly first: number;
  readonly count: number;
}

/** Windows of one length, which begin with each of the hours of the session; the last one ends with these. */
class WindowsOfHours implements DayWindows {
  readonly count: number;
  readonly #everyNs: bigint;
  readonly #hours: readonly Hours[];

  constructor({ parts }: TradingSession, everyNs: bigint) {
    this.#everyNs = everyNs;
    let first = 0;
    this.#hours = parts.map(({ open: from, close: to }) => {
      const count = Number((to - from + everyNs - 1n) / everyNs);
      const hours = { from, to, first, count };
      first += count;
      return hours;
    });
    this.count = first;
  }

  has(number: number): boolean {
    return number >= 0 && number < this.count;
  }

  window(number: number): WindowSpan {
    const { from, to, first } = this.#hours.findLast((hours) => hours.first <= number)!;
    const begin = from + BigInt(number - first) * this.#everyNs;
    const end = begin + this.#everyNs;
    return { from: begin, to: end < to ? end : to };
  }

  isUncertain(): boolean {
    return false; // each is in hours that are known
  }

  firstEndingAfter(timeNs: bigint): number | undefined {
    const hours = this.#hours.find(({ to }) => timeNs < to);
    if (!hours) return undefined;
    return hours.first + (timeNs < hours.from ? 0 : Number((timeNs - hours.from) / this.#everyNs));
  }
}
