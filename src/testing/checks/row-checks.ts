import type { ControlRecord } from '../../columns/control-record.js';
import type { Row } from '../../columns/row-view.js';
import type { SequenceNumbers, StreamKind } from '../../wire/provider-capabilities.js';
import type { Written } from '../check-rig.js';

const DAY_NS = 86_400_000_000_000n;
/** Findings of one kind that are told. */
const TOLD_MAX = 3;

export interface RowRules {
  readonly kind: StreamKind;
  readonly symbols: readonly string[];
  readonly maxDelayMs?: number | undefined;
  readonly sequence?: SequenceNumbers | undefined;
  /** Times that rows may have, in ns: from the first to before the last. */
  readonly from?: bigint | undefined;
  readonly to?: bigint | undefined;
}

/** What is wrong with the rows of a stream or of a history, in their order and with its records. */
export function rowFindings(written: readonly Written[], rules: RowRules): string[] {
  const found: string[] = [];
  const latest = new Map<unknown, bigint>();
  const numbers = new NumberChains(rules);
  const tell = (row: Row, what: string) => {
    if (found.length < TOLD_MAX) found.push(`row ${shown(row)}: ${what}`);
  };
  for (const one of written) {
    if ('record' in one) {
      numbers.pass(one.record);
      continue;
    }
    const { row } = one;
    const { symbol, time } = row as { readonly symbol: string; readonly time: bigint };
    if (!rules.symbols.includes(symbol)) tell(row, 'is of a symbol that was not asked for');
    if (rules.from !== undefined && time < rules.from) tell(row, 'is before what was asked for');
    if (rules.to !== undefined && time >= rules.to) tell(row, 'is after what was asked for');
    const before = latest.get(symbol);
    const delayNs = BigInt(Math.ceil((rules.maxDelayMs ?? 0) * 1e6));
    if (before !== undefined && time < before - delayNs) {
      tell(row, `comes after a later one of its symbol, more than maxDelayMs (${rules.maxDelayMs ?? 0})`);
    }
    if (before === undefined || time > before) latest.set(symbol, time);
    const odd = oddValue(row, rules.kind);
    if (odd !== undefined) tell(row, odd);
    const wrongNumber = numbers.check(row);
    if (wrongNumber !== undefined) tell(row, wrongNumber);
  }
  return found;
}

/** What is wrong with the times of rows that came just now. */
export function timeFindings(rows: readonly Row[], wall: bigint): string[] {
  return rows
    .filter(({ time }) => (time as bigint) > wall + DAY_NS || (time as bigint) < wall - 366n * DAY_NS)
    .slice(0, 1)
    .map((row) => `row ${shown(row)}: its time is far from now: is its unit right?`);
}

/** The numbers of rows, each against the last one of its chain. */
class NumberChains {
  readonly #sequence: SequenceNumbers | undefined;
  /** The levels of one update of a book have its number. */
  readonly #mayRepeat: boolean;
  readonly #last = new Map<unknown, bigint>();

  constructor({ sequence, kind }: RowRules) {
    this.#sequence = sequence;
    this.#mayRepeat = kind === 'book';
  }

  /** Rows are known to be missing after a gap, and a reset begins anew: the next number may be any. */
  pass(record: ControlRecord): void {
    if (record.type !== 'gap' && record.type !== 'reset') return;
    const symbol = record.type === 'gap' ? record.symbol : undefined;
    if (symbol === undefined || this.#sequence?.scope === 'stream') this.#last.clear();
    else this.#last.delete(symbol);
  }

  /** What is wrong with the number of a row. */
  check(row: Row): string | undefined {
    if (!this.#sequence) return undefined;
    const { scope, step } = this.#sequence;
    const key = scope === 'symbol' ? row.symbol : '';
    const number = row.sequence as bigint;
    const last = this.#last.get(key);
    this.#last.set(key, number);
    if (last === undefined || (number === last && this.#mayRepeat)) return undefined;
    if (number <= last) return `its sequence ${number} comes after ${last}`;
    if (step === 'up' || number === last + 1n) return undefined;
    return `its sequence ${number} comes after ${last}, though its step is one, without a gap`;
  }
}

function oddValue(row: Row, kind: StreamKind): string | undefined {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === 'number' && !Number.isFinite(value)) return `its ${name} is ${value}`;
    if (/size|volume|count/i.test(name) && typeof value === 'number' && value < 0)
      return `its ${name} is below 0`;
  }
  if (kind !== 'bars') return undefined;
  const { open, high, low, close } = row as Readonly<Record<string, number | null>>;
  if (open === null || high === null || low === null || close === null) return undefined;
  const isWithin = [open, close].every((price) => price! >= low! && price! <= high!);
  return isWithin ? undefined : 'its open or close is not between low and high';
}

const shown = ({ symbol, time }: Row): string => `of ${String(symbol)} at ${String(time)} ns`;
