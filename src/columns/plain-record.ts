import type { Nanos } from '../core/units.js';
import type { ControlRecord } from './control-record.js';

/** A control record as plain data that JSON takes. */
export type PlainRecord = Readonly<Record<string, string>>;

/** Fields of control records that hold an instant, which becomes text. */
const INSTANTS = ['at', 'from', 'to', 'since'];

/** Makes plain data of a record. */
export const plainRecord = (record: ControlRecord): PlainRecord =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, `${value}`]));

/** Makes a record of what `plainRecord` gave. */
export function recordOf(plain: PlainRecord): ControlRecord {
  // "from" and "to" of a switch are the names of sources.
  const instants = plain.type === 'switched' ? ['at', 'since'] : INSTANTS;
  const fields = Object.entries(plain).map(([key, value]) => {
    if (instants.includes(key)) return [key, BigInt(value) as Nanos] as const;
    return [key, key === 'rows' ? Number(value) : value] as const;
  });
  return Object.fromEntries(fields) as unknown as ControlRecord; // it was one when it became plain
}
