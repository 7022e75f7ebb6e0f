import type { Column, Schema } from '../../columns/schema.js';
import type { PlanProblems } from '../factories.js';

/**
 * The columns of rows that come from several inputs: those of all inputs, which must be equal in name, type and order.
 * A column is nullable if it is in any of them.
 *
 * @param inputs - By id; at least one.
 * @param problems - Receives what differs. Left out if the inputs are known to fit.
 */
export function equalColumns(
  inputs: Readonly<Record<string, Schema>>,
  problems?: PlanProblems,
): Schema | undefined {
  const [[firstId, first] = [], ...others] = Object.entries(inputs);
  if (firstId === undefined || first === undefined) return undefined;
  for (const [id, schema] of others) {
    const difference = differenceOf(first, schema, firstId);
    if (difference !== undefined) problems?.add(pathOfInput(id), difference);
  }
  const all = Object.values(inputs);
  const columns = first.columns.map((column, i): Column => {
    const isNullable = all.some(({ columns: own }) => own[i]?.nullable === true);
    const { nullable: _, ...rest } = column;
    return isNullable ? { ...rest, nullable: true } : rest;
  });
  const { kind, barNs, barCalendar } = first;
  const areEqualBars = all.every((schema) => schema.barNs === barNs && schema.barCalendar === barCalendar);
  return {
    kind: all.every((schema) => schema.kind === kind) ? kind : 'custom',
    columns,
    ...(areEqualBars && barNs !== undefined && { barNs }),
    ...(areEqualBars && barCalendar !== undefined && { barCalendar }),
  };
}

/** Whether batches of an input can be passed on as they are, or else have to be copied. */
export const passesUncopied = (a: Schema, b: Schema): boolean =>
  a.kind === b.kind &&
  a.barNs === b.barNs &&
  a.barCalendar === b.barCalendar &&
  a.columns.every((column, i) => column.nullable === b.columns[i]?.nullable);

const ADVICE = 'add `select` or `derive` to the "operators" of one of them';

/** Says how the columns of an input differ from those of the first one. */
function differenceOf(first: Schema, other: Schema, firstId: string): string | undefined {
  for (const column of first.columns) {
    const found = other.columns.find(({ name }) => name === column.name);
    if (!found) {
      return `expected a column "${column.name}", as ${firstId} has one (there are: ${namesOf(other)}): ${ADVICE}`;
    }
    const [expected, is] = [typeOf(column), typeOf(found)];
    if (expected !== is) {
      return `expected column "${column.name}" to be ${expected}, as it is in ${firstId}, found ${is}: ${ADVICE}`;
    }
  }
  const extra = other.columns.find(({ name }) => !first.columns.some((column) => column.name === name));
  if (extra) {
    return `found a column "${extra.name}" that ${firstId} does not have (it has: ${namesOf(first)}): ${ADVICE}`;
  }
  const isInOrder = first.columns.every(({ name }, i) => other.columns[i]?.name === name);
  if (isInOrder) return undefined;
  return (
    `expected the columns in the order of ${firstId} (${namesOf(first)}), found ${namesOf(other)}: add ` +
    `\`{ use: select, columns: [${namesOf(first)}] }\` to its "operators"`
  );
}

function typeOf({ type, name, values = [], dictionary = name }: Column): string {
  if (type === 'enum') return `an enum of ${values.join(', ')}`;
  return type === 'string' && dictionary !== name ? `a string of dictionary "${dictionary}"` : `a ${type}`;
}

const namesOf = ({ columns }: Schema): string => columns.map(({ name }) => name).join(', ');

/** The id of an input as a path within the options: `sources[1]`. */
export function pathOfInput(id: string): (string | number)[] {
  return id.split(/[[\].]+/).flatMap((key) => (key === '' ? [] : [/^\d+$/.test(key) ? Number(key) : key]));
}
