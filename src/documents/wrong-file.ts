import { ownCommand } from '../core/own-command.js';
import { CALENDAR_KEYS, kindOfKeys } from '../settings/kind-of-keys.js';

/** What a file on the command line should hold. */
export type ExpectedFile = 'spec' | 'settings' | 'calendar';

/** With an article, as what was expected and as what was found. */
export const FILE_NAMES: Readonly<Record<ExpectedFile, string>> = {
  spec: 'a spec',
  settings: 'settings of the runtime',
  calendar: 'a calendar',
};

/** What to do with a file that holds the other one. */
const ADVICE: Readonly<Record<ExpectedFile, string>> = {
  spec: 'name it as an argument, without --settings',
  settings: 'name it with --settings FILE',
  calendar: `"${ownCommand()} calendar FILE" shows it`,
};

/**
 * Says what a mapping is that should be one thing and is another one; `undefined` if it is not. Of what is no calendar
 * in any way, not even the names of keys are told: a spec may name any file of this host as one.
 */
export function wrongMapping(expected: ExpectedFile, value: object): string | undefined {
  const found = kindOfKeys(Object.keys(value));
  if (found === undefined && expected === 'calendar') {
    return `expected a calendar, found a mapping without any of its keys ${CALENDAR_KEYS.join(', ')}`;
  }
  if (found === undefined || found === expected) return undefined;
  return `expected ${FILE_NAMES[expected]}, found ${FILE_NAMES[found]}: ${ADVICE[found]}`;
}

/** Files of data and of code, by their names. */
const BY_NAME: readonly (readonly [pattern: RegExp, name: string, advice: string])[] = [
  [/\.(csv|tsv)(\.gz)?$/i, 'a CSV file', 'name it in a spec, as source: { use: replay, path: … }'],
  [/\.parquet$/i, 'a Parquet file', `"${ownCommand()} show FILE" prints it`],
  [/\.(jsonl|ndjson)(\.gz)?$/i, 'a file of JSON lines', `"${ownCommand()} show FILE" prints it`],
  [/\.[cm]?[jt]s$/i, 'a module', 'name it with --components, or in a spec as { use: module, path: … }'],
];

/** Files that are no text, by their first bytes. */
const BY_BYTES: readonly (readonly [start: string, name: string])[] = [
  ['PAR1', 'a Parquet file'],
  ['\x1f\x8b', 'a file compressed with gzip'],
  ['\x28\xb5\x2f\xfd', 'a file compressed with zstd'],
  ['PK\x03\x04', 'a zip file'],
];

/** Says what a file is that is no document, by its name; `undefined` if that is unknown. */
export function foreignFile(path: string): string | undefined {
  const found = BY_NAME.find(([pattern]) => pattern.test(path));
  return found && `found ${found[1]}: ${found[2]}`;
}

/** The same for a file that is no text. */
export function foreignBytes(path: string, bytes: Buffer): string {
  const start = bytes.toString('latin1', 0, 4);
  const found = BY_BYTES.find(([magic]) => start.startsWith(magic));
  return foreignFile(path) ?? `found ${found ? found[1] : 'bytes that are not valid UTF-8'}`;
}

/** The same for a text that is neither YAML nor JSON, or no mapping: of a table, lines have the same separators. */
export function foreignText(path: string, text: string): string | undefined {
  const [first = '', second = ''] = text.split('\n', 2);
  const isTable = [',', ';', '\t'].some((separator) => {
    const count = first.split(separator).length;
    return count > 2 && second.split(separator).length === count;
  });
  return foreignFile(path) ?? (isTable ? foreignFile('.csv') : undefined);
}
