import { type Column, type RowKind, type Schema, STANDARD_COLUMNS } from '../../columns/schema.js';
import { parseDurationNs } from '../../core/duration-text.js';
import type { HistoryKind, RowCapabilities, StreamKind } from '../../wire/provider-capabilities.js';

/** The rows of a kind of stream or history. */
export const ROW_KINDS: Readonly<Record<StreamKind | HistoryKind, Exclude<RowKind, 'custom'>>> = {
  trades: 'trade',
  quotes: 'quote',
  book: 'book',
  bars: 'bar',
};

export const SEQUENCE_COLUMN: Column = { name: 'sequence', type: 'int64' };
export const UNTIMED_COLUMN: Column = { name: 'untimed', type: 'boolean' };

/** The columns of a stream or history: the standard ones that it fills, and what it says of their numbers and times. */
export function feedSchema(
  kind: StreamKind | HistoryKind,
  { columns = [], sequence, untimed }: RowCapabilities & { readonly untimed?: boolean | undefined },
  interval?: string,
): Schema {
  const rowKind = ROW_KINDS[kind];
  const { required, optional } = STANDARD_COLUMNS[rowKind];
  const barNs = interval === undefined ? undefined : parseDurationNs(interval);
  return {
    kind: rowKind,
    columns: [
      ...required,
      ...optional.filter(({ name }) => columns.includes(name)),
      ...(sequence ? [SEQUENCE_COLUMN] : []),
      ...(untimed ? [UNTIMED_COLUMN] : []),
    ],
    ...(barNs !== undefined && { barNs: Number(barNs) }),
  };
}
