import { readPlainData, writePlainData } from '../checkpoints/plain-data-text.js';
import type { PlainData } from '../core/plain-data.js';
import { type StoredEntries, slotOf } from './stored-entries.js';

/** A record of one version of the schema. */
export interface VersionedRecord {
  readonly kind: string;
  readonly key: string;
  readonly record: PlainData;
}

/** Makes a record of the next version out of one; `undefined` if there is none of it any more. */
export type Migration = (record: VersionedRecord) => VersionedRecord | undefined;

/** The first makes version 2 of version 1, and so on. A release adds to the end, and changes none of them. */
export const MIGRATIONS: readonly Migration[] = [];

/** The version that a store has after these migrations. */
export const versionAfter = (migrations: readonly Migration[]): number => migrations.length + 1;

/** The entries of a store of some version, as the newest one has them. */
export function migrated(
  entries: StoredEntries,
  version: number,
  migrations: readonly Migration[],
): StoredEntries {
  const left = migrations.slice(version - 1);
  if (left.length === 0) return entries;
  const newest: StoredEntries = new Map();
  for (const { kind, key, text, at } of entries.values()) {
    let found: VersionedRecord | undefined = { kind, key, record: readPlainData(text) };
    for (const migrate of left) found = found && migrate(found);
    if (!found) continue;
    const entry = {
      kind: found.kind,
      key: found.key,
      text: writePlainData(found.record, found.kind),
      at,
    };
    newest.set(slotOf(entry.kind, entry.key), entry);
  }
  return newest;
}
