import { readPlainData, writePlainData } from '../checkpoints/plain-data-text.js';
import { InvalidOptionsError, PipelineError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import { RECORD_SCHEMAS, type RecordKind, recordProblem } from './record-schemas.js';
import { DAMAGED_HINT, invalidCall, storeInvalid } from './store-failures.js';

/** A record as text, so that it is written again as it is, and takes little memory. */
export interface StoredEntry {
  readonly kind: string;
  readonly key: string;
  /** JSON, as `writePlainData` makes it. */
  readonly text: string;
  /** Offset in the file of the write that it came with; for messages. */
  readonly at: number;
}

/** What is kept, by kind and key. */
export type StoredEntries = Map<string, StoredEntry>;

/** A change of one record; without a text it is gone. */
export interface EntryChange {
  readonly kind: RecordKind;
  readonly key: string;
  readonly text: string | undefined;
}

export const slotOf = (kind: string, key: string): string => `${kind} ${key}`;

/** A record as it is written. @throws {InvalidOptionsError} for one of a wrong form, or that is no plain data. */
export function encodeRecord(kind: RecordKind, key: string, record: object): string {
  const given = Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
  const problem = recordProblem(kind, key, given);
  if (problem !== undefined) throw invalidCall(problem);
  try {
    return writePlainData(given, kind);
  } catch (error) {
    if (error instanceof PipelineError || error instanceof InvalidOptionsError)
      throw invalidCall(error.message);
    throw error;
  }
}

export const decodeRecord = ({ text }: Pick<StoredEntry, 'text'>): PlainData => readPlainData(text);

/** The JSON of one write. */
export const encodeChanges = (changes: Iterable<EntryChange>): string =>
  `[${[...changes].map(encodeChange).join(',')}]`;

export const encodeChange = ({
  kind,
  key,
  text,
}: Pick<StoredEntry, 'kind' | 'key'> & { readonly text: string | undefined }): string =>
  `[${JSON.stringify(kind)},${JSON.stringify(key)}${text === undefined ? '' : `,${text}`}]`;

/**
 * Applies one write.
 *
 * @param at - Its offset. @param file - For messages.
 * @throws {PipelineError} `STORE_INVALID` if it is no list of changes.
 */
export function applyWrite(entries: StoredEntries, json: string, at: number, file: string): void {
  const place = placeOf(file, at);
  let changes: unknown;
  try {
    changes = JSON.parse(json);
  } catch {
    throw storeInvalid(place, 'JSON', 'something else', DAMAGED_HINT);
  }
  if (!Array.isArray(changes)) throw storeInvalid(place, 'a list of changes', 'something else', DAMAGED_HINT);
  for (const change of changes as readonly unknown[]) {
    const [kind, key, record] = Array.isArray(change) ? (change as readonly unknown[]) : [];
    if (typeof kind !== 'string' || typeof key !== 'string') {
      throw storeInvalid(place, 'a change with the kind and the key of a record', 'another', DAMAGED_HINT);
    }
    const isGone = (change as readonly unknown[]).length === 2;
    const slot = slotOf(kind, key);
    if (isGone) entries.delete(slot);
    else entries.set(slot, { kind, key, text: JSON.stringify(record), at });
  }
}

/** @throws {PipelineError} `STORE_INVALID` naming the place of the first record of a wrong form. */
export function checkEntries(entries: StoredEntries, file: string): void {
  for (const { kind, key, text, at } of entries.values()) {
    const place = placeOf(file, at);
    if (!isKind(kind)) throw storeInvalid(place, 'a job, a schedule or a lease', `"${kind}"`, DAMAGED_HINT);
    let record: unknown;
    try {
      record = readPlainData(text);
    } catch (error) {
      throw storeInvalid(
        place,
        'plain data',
        error instanceof Error ? error.message : String(error),
        DAMAGED_HINT,
      );
    }
    const problem = recordProblem(kind, key, record);
    if (problem !== undefined)
      throw storeInvalid(place, `the form of a ${kind}`, `"${key}" with ${problem}`, DAMAGED_HINT);
  }
}

const placeOf = (file: string, at: number): string => `"${file}": byte ${at}`;

const isKind = (kind: string): kind is RecordKind => Object.hasOwn(RECORD_SCHEMAS, kind);
