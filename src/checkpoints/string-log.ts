import { crc32 } from 'node:zlib';
import { type FirstStrings, stringsIn } from '../columns/dictionary-snapshot.js';
import { PipelineError } from '../core/errors.js';
import { isCount } from '../core/plain-data.js';
import { type Checkpoint, checkTexts } from '../wire/checkpoint.js';

export type Dictionaries = Checkpoint['dictionaries'];

/** How much of a log counts. Plain data, stored in a checkpoint. */
export interface StringsMark {
  /** Random id of the log. */
  readonly id: string;
  readonly bytes: number;
  /** CRC-32 of these bytes. */
  readonly checksum: number;
  /** For each dictionary, how many of its first strings are in these bytes. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A log that can be appended to. */
export interface StringLog {
  readonly mark: StringsMark;
  /** Bytes of the checkpoint at its end. */
  readonly checkpointBytes: number;
  /** The last string of each dictionary in it: tells dictionaries that go on from it from others. */
  readonly last: ReadonlyMap<string, string>;
}

/** Where the strings of a checkpoint are stored. */
export interface StringsPlan {
  /** Strings in the checkpoint itself: for each dictionary, those after the strings in the log. */
  readonly rest: Dictionaries;
  /** The log with the other strings; `undefined` if there are none. */
  readonly log: StringLog | undefined;
  /** What the log takes first, and where in it that begins. At 0 it is new. The checkpoint comes behind it. */
  readonly append?: { readonly at: number; readonly bytes: Buffer };
}

export interface StringsLimits {
  /** Maximum characters of strings in a checkpoint; with more, they go into the log. */
  readonly inlineMax: number;
  /**
   * The same for each byte of the checkpoint that stands in the log last, since another one will: so
   * that at most half of a log is checkpoints, however large they are.
   */
  readonly inlinePerByte: number;
  /** Never more than this, since a checkpoint has a maximum size itself. */
  readonly inlineMost: number;
  /** Of the whole log. */
  readonly logBytesMax: number;
}

export const STRINGS_LIMITS: StringsLimits = {
  inlineMax: 65_536,
  inlinePerByte: 1,
  inlineMost: 4 * 1_048_576,
  logBytesMax: 256 * 1_048_576,
};

/** Characters around each string in a line of the log, such as `["symbol",["A","B"]]`. */
const CHARACTERS_AROUND = 3;
const LINE_CHARACTERS_MAX = 1_048_576;
const NO_STRINGS: FirstStrings = { values: [], length: 0 };
const LINE_END = 0x0a;
const LINE_END_BYTES = Buffer.of(LINE_END);
/** Of a line of strings. A checkpoint has two lines, which begin otherwise. */
const STRINGS_BEGIN = 0x5b;

/**
 * Plans which strings go into the checkpoint itself, and which must first be written to the log. It reads
 * only strings that are not in the log yet.
 *
 * @param known - The log to append to. If the dictionaries do not continue from it, a new one is started.
 * @param newId - Returns the id of a new log.
 * @throws {PipelineError} `CHECKPOINT_INVALID` if the log would exceed its limit, or for new strings that are
 *   none.
 */
export function planStrings(
  dictionaries: Dictionaries,
  known: StringLog | undefined,
  newId: () => string,
  limits: StringsLimits,
): StringsPlan {
  const { inlineMax, inlinePerByte, inlineMost, logBytesMax } = limits;
  const all = stringsIn(dictionaries);
  const log = known && goesOn(all, known) ? known : undefined;
  const rest = restBehind(all, log?.mark.counts ?? {});
  checkTexts(rest);
  const perCheckpoint = Math.min(inlineMost, inlinePerByte * (log?.checkpointBytes ?? 0));
  if (!isLonger(rest, Math.max(inlineMax, perCheckpoint))) return { rest, log };

  const { id, bytes: at, checksum } = log?.mark ?? { id: newId(), bytes: 0, checksum: 0 };
  const bytes = Buffer.from(linesOf(rest).join(''));
  if (at + bytes.length > logBytesMax) {
    // Without the checkpoints in it, they may fit.
    if (log) return planStrings(dictionaries, undefined, newId, limits);
    throw tooLong(dictionaries, bytes.length, logBytesMax);
  }
  const filled = [...all].filter(([, { length }]) => length > 0);
  const mark = {
    id,
    bytes: at + bytes.length,
    checksum: crc32(bytes, checksum),
    counts: Object.fromEntries(filled.map(([name, { length }]) => [name, length])),
  };
  return {
    rest: Object.fromEntries([...all.keys()].map((name) => [name, []])),
    log: {
      mark,
      checkpointBytes: log?.checkpointBytes ?? 0,
      last: new Map(filled.map(([name, { values, length }]) => [name, values[length - 1]!])),
    },
    append: { at, bytes },
  };
}

/** A checkpoint as it stands in a log, where all that is behind it is lines. */
export const asLogged = (checkpoint: Uint8Array): Buffer => Buffer.concat([checkpoint, LINE_END_BYTES]);

/** The log once a checkpoint stands behind its strings. @param bytes - Of `asLogged`. */
export const withCheckpoint = ({ mark, last }: StringLog, bytes: Uint8Array): StringLog => ({
  mark: { ...mark, bytes: mark.bytes + bytes.length, checksum: crc32(bytes, mark.checksum) },
  checkpointBytes: bytes.length,
  last,
});

/**
 * Reads the strings in a log, by dictionary.
 *
 * @param bytes - The log; it may be longer than the part that counts, if more was appended since.
 * @param path - For messages.
 * @throws {PipelineError} `CHECKPOINT_INVALID` if it does not match the mark.
 */
export function readStrings(
  bytes: Uint8Array,
  mark: StringsMark,
  path: string,
): ReadonlyMap<string, readonly string[]> {
  const counted = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(mark.bytes, bytes.length));
  const expected = `${mark.bytes} bytes of strings of the checksum that the checkpoint names`;
  if (counted.length < mark.bytes) throw invalid(path, expected, `${counted.length} bytes`);
  if (crc32(counted) !== mark.checksum) throw invalid(path, expected, 'others');
  const dictionaries = new Map<string, string[]>();
  for (let at = 0; at < counted.length; ) {
    const end = counted.indexOf(LINE_END, at);
    if (counted[at] !== STRINGS_BEGIN && end >= 0) {
      at = end + 1;
      continue;
    }
    const [name, strings] = readLine(counted.toString('utf8', at, end < 0 ? counted.length : end), path);
    const known = dictionaries.get(name) ?? [];
    dictionaries.set(name, known);
    for (const string of strings) known.push(string);
    at = end < 0 ? counted.length : end + 1;
  }
  for (const [name, count] of Object.entries(mark.counts)) {
    const found = dictionaries.get(name)?.length ?? 0;
    if (found !== count) throw invalid(path, `${count} strings of dictionary "${name}"`, `${found}`);
  }
  return dictionaries;
}

/** @throws {PipelineError} `CHECKPOINT_INVALID`. */
export function readStringsMark(data: unknown, path: string): StringsMark {
  const { id, bytes, checksum, counts } = (data ?? {}) as Partial<Record<keyof StringsMark, unknown>>;
  const isMark =
    typeof id === 'string' &&
    isCount(bytes) &&
    isCount(checksum) &&
    typeof counts === 'object' &&
    counts !== null &&
    Object.values(counts).every(isCount);
  if (!isMark) throw invalid(path, 'strings: id, bytes, checksum and counts of a log', 'something else');
  return data as StringsMark; // all its fields were checked
}

/** As cheap as it must be with each checkpoint: not all strings are compared. */
function goesOn(all: ReadonlyMap<string, FirstStrings>, { mark, last }: StringLog): boolean {
  return Object.entries(mark.counts).every(([name, count]) => {
    const { values, length } = all.get(name) ?? NO_STRINGS;
    return length >= count && values[count - 1] === last.get(name);
  });
}

function restBehind(
  all: ReadonlyMap<string, FirstStrings>,
  counts: Readonly<Record<string, number>>,
): Dictionaries {
  const behind = (name: string) => (Object.hasOwn(counts, name) ? counts[name]! : 0);
  return Object.fromEntries(
    [...all].map(([name, { values, length }]) => [name, values.slice(behind(name), length)]),
  );
}

/** Whether the strings have more characters than the limit; stops counting there. */
function isLonger(dictionaries: Dictionaries, charactersMax: number): boolean {
  let characters = 0;
  for (const strings of Object.values(dictionaries)) {
    for (const string of strings) {
      characters += string.length + CHARACTERS_AROUND;
      if (characters > charactersMax) return true;
    }
  }
  return false;
}

/** Formats dictionaries in lines of limited length, so that no line is as long as a whole dictionary. */
function linesOf(dictionaries: Dictionaries): string[] {
  const lines: string[] = [];
  for (const [name, strings] of Object.entries(dictionaries)) {
    let from = 0;
    let characters = 0;
    const writeTo = (to: number) => {
      if (to > from) lines.push(`${JSON.stringify([name, strings.slice(from, to)])}\n`);
      [from, characters] = [to, 0];
    };
    for (const [i, string] of strings.entries()) {
      characters += string.length + CHARACTERS_AROUND;
      if (characters > LINE_CHARACTERS_MAX) writeTo(i + 1);
    }
    writeTo(strings.length);
  }
  return lines;
}

function readLine(line: string, path: string): [name: string, strings: string[]] {
  try {
    const [name, strings] = JSON.parse(line) as [unknown, unknown];
    if (typeof name === 'string' && Array.isArray(strings)) return [name, strings as string[]]; // `readCheckpoint` checks that they are strings
  } catch {
    // Reported below.
  }
  throw invalid(path, 'lines such as ["symbol",["A","B"]]', 'another');
}

function tooLong(dictionaries: Dictionaries, bytes: number, bytesMax: number): PipelineError {
  const sizes = Object.entries(dictionaries).map(
    ([name, strings]) => [name, strings.reduce((sum, { length }) => sum + length, 0)] as const,
  );
  const [name] = sizes.reduce((largest, size) => (size[1] > largest[1] ? size : largest));
  return new PipelineError(
    'CHECKPOINT_INVALID',
    `Expected dictionaries of at most ${bytesMax} bytes of strings, found ${bytes}, most of them of "${name}": ` +
      'is it a column of ever new texts?',
  );
}

const invalid = (path: string, expected: string, found: string): PipelineError =>
  new PipelineError('CHECKPOINT_INVALID', `${path}: expected ${expected}, found ${found}`);
