import { PipelineError } from '../../core/errors.js';
import type { PlacedReader } from './csv-layout.js';
import { timeText } from './instant-text.js';
import type { JumpLimit } from './jump-limit.js';
import { likelyUnit, meaningOf, roughMillis, UNIT_NAMES } from './likely-unit.js';
import { lookAhead, type ReadingFront, type RowsAhead, timesAhead } from './rows-ahead.js';
import { fieldText } from './split-row.js';
import { EpochReader } from './time-readers.js';

/** If the first two rows look wrong, the times are judged by up to this many rows. */
const ROWS_MAX = 1_000;

const FEBRUARY_1970_MS = 31 * 86_400_000;
const DISTANT_MS = Date.UTC(2200);
const DAY_MS = 86_400_000;
/** A message shows at most this many characters of a number. */
const TEXT_MAX = 40;

/** A first row whose time cannot be meant, judged by the rows after it. */
export interface StrayRow {
  /** Offset in the file. */
  readonly offset: number;
  readonly expected: string;
}

/**
 * Judges the times of a file by its first rows together, before any of them is delivered.
 *
 * @returns The first row, if its time cannot be meant.
 * @throws {PipelineError} `INPUT_CORRUPT` if numbers since 1970 all give implausible instants; the
 *   message names the likely unit.
 */
export async function judgeFirstTimes(front: ReadingFront, limit: JumpLimit): Promise<StrayRow | undefined> {
  const { time, readers } = front.layout;
  const judged = readers.filter(isJudged);
  if (!time && judged.length === 0) return undefined;
  const areMeant = await lookAhead(
    front,
    2,
    (two) =>
      judged.every((placed) => isUsual(millisOf(two, placed)[0])) &&
      (!time || areTogether(timesAhead(two, time).words, 0, limit)),
  );
  if (areMeant) return undefined;
  return lookAhead(front, ROWS_MAX, (rows) => {
    for (const placed of judged) refuseImplausible(front.file, rows, placed);
    if (!time) return undefined;
    const times = timesAhead(rows, time);
    if (!isFirstStray(times.words, limit)) return undefined;
    return {
      offset: front.window.offsetOf(rows.scanner.starts[times.rows[0]!]!),
      expected: limit.expected(`the rows after it, ${timeText(times.words, 1)}`),
    };
  });
}

/** Whether the numbers of a column are checked for plausible instants. */
export const isJudged = (placed: PlacedReader): placed is PlacedReader<EpochReader> =>
  placed.reader instanceof EpochReader && placed.reader.isJudged;

function textsOf({ count, scanner, bytes }: RowsAhead, { slot }: PlacedReader): string[] {
  const { bounds, stride } = scanner;
  return Array.from({ length: count }, (_, row) => {
    const k = row * stride + 2 * slot;
    return fieldText(bytes, bounds[k]!, bounds[k + 1]!, false);
  });
}

const millisOf = (rows: RowsAhead, placed: PlacedReader<EpochReader>): number[] =>
  textsOf(rows, placed).map((text) => roughMillis(text, placed.reader.unit));

const isUsual = (ms = Number.NaN): boolean => ms < 0 || (ms >= FEBRUARY_1970_MS && ms < DISTANT_MS);

function refuseImplausible(file: string, rows: RowsAhead, placed: PlacedReader<EpochReader>): void {
  const { name, reader } = placed;
  const texts = textsOf(rows, placed);
  const millis = millisOf(rows, placed);
  const known = millis.filter((ms) => !Number.isNaN(ms));
  const isEarly = known.every((ms) => ms >= 0 && ms < FEBRUARY_1970_MS);
  const isDistant = known.every((ms) => ms >= DISTANT_MS);
  if (known.length === 0 || !(isEarly || isDistant)) return;

  // The first number that reveals the unit, since a missing time may be written as 0.
  const telling = texts.findIndex((text) => likelyUnit(text) !== undefined);
  const row = telling >= 0 ? telling : millis.findIndex((ms) => !Number.isNaN(ms));
  const text = texts[row]!;
  const unit = likelyUnit(text);
  const anyInstant = `columns.${name}.anyInstant to true if that is meant`;
  let advice = `Set ${anyInstant}`;
  if (unit !== undefined) {
    advice =
      `Read as ${UNIT_NAMES[unit]} it is ${meaningOf(text, unit, reader.zone)}: ` +
      `set columns.${name}.unit to ${unit}, or ${anyInstant}; files in two units need two specs`;
  } else if (isEarly && known.every((ms) => ms <= DAY_MS)) {
    advice = `A time since midnight needs its day: set columns.${name}.date, or ${anyInstant}`;
  }
  throw new PipelineError(
    'INPUT_CORRUPT',
    `${file}:${rows.scanner.lines[row]}: ${name}: ${text.slice(0, TEXT_MAX)} read as ${UNIT_NAMES[reader.unit]} ` +
      `is ${meaningOf(text, reader.unit, reader.zone)}${known.length > 1 ? ', and the first rows are all like it' : ''}. ${advice}`,
  );
}

/** Whether there are at least two times from `first` on, each near the next. */
function areTogether(words: Int32Array, first: number, limit: JumpLimit): boolean {
  const count = words.length / 2;
  for (let i = first + 1; i < count; i++) if (!limit.isNear(words, i - 1, words, i)) return false;
  return count - first > 1;
}

/** Counts the times near time `i`, itself included. */
function countNear(words: Int32Array, i: number, limit: JumpLimit): number {
  let count = 0;
  for (let j = 0; j < words.length / 2; j++) count += limit.isNear(words, i, words, j) ? 1 : 0;
  return count;
}

/**
 * Whether the first time cannot be meant. If the second is far ahead, it would be refused, and with it
 * all rows that continue from there; so the majority decides which of the two is wrong. If the second
 * is far behind, it may begin the rows of another symbol, provided that later times are near the first.
 */
function isFirstStray(words: Int32Array, limit: JumpLimit): boolean {
  if (words.length < 6 || limit.isNear(words, 0, words, 1)) return false;
  const near = countNear(words, 0, limit);
  if (limit.isAhead(words, 0, words, 1)) return countNear(words, 1, limit) > near;
  return near === 1 && areTogether(words, 1, limit);
}
