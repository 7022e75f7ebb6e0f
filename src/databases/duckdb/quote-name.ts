/** A name as SQL has it, whatever characters are in it. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A text as SQL has it. */
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The names of a table. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** @param text - `table` or `schema.table`. */
export function tableName(text: string): TableName {
  const [first = '', second] = text.split('.');
  return second === undefined ? { schema: 'main', table: first } : { schema: first, table: second };
}

export const quoteTable = ({ schema, table }: TableName): string =>
  `${quoteName(schema)}.${quoteName(table)}`;
