/** Bytes of a name that PostgreSQL keeps; it cuts longer ones off without an error. */
export const NAME_BYTES_MAX = 63;

/** What is wrong with the name of a table or column; `undefined` if nothing is. */
export function problemOfName(name: string): string | undefined {
  if (name === '') return 'expected a name, found an empty text';
  if (name.includes('\0')) return 'expected a name without NUL';
  const bytes = Buffer.byteLength(name);
  return bytes > NAME_BYTES_MAX
    ? `expected a name of at most ${NAME_BYTES_MAX} bytes, which is what PostgreSQL keeps, found ${bytes}`
    : undefined;
}

/** A name as SQL: in quotes, so that nothing in it is read as SQL, and case counts. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** A table, `schema.table` or `table`. Each part is a name as it is, without quotes and in its own case. */
export interface TableName {
  readonly schema?: string | undefined;
  readonly table: string;
}

/** @param text - With at most one dot, which parts schema and table. */
export function tableNameOf(text: string): TableName {
  const dot = text.indexOf('.');
  return dot < 0 ? { table: text } : { schema: text.slice(0, dot), table: text.slice(dot + 1) };
}

export const quoteTable = ({ schema, table }: TableName): string =>
  schema === undefined ? quoteName(table) : `${quoteName(schema)}.${quoteName(table)}`;

/** A text as SQL, whatever `standard_conforming_strings` says. For COPY, which takes no parameters. */
export function quoteText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}
