import { type Column, findColumn, type Schema, STANDARD_COLUMNS } from '../../core/schema.js';
import type { PlanProblems } from '../../pipeline/factories.js';
import type { BarsOptions } from '../../settings/bars-options.js';

/** Which columns of the input bars are made of. */
export interface BarColumnNames {
  readonly price: string;
  readonly size: string | undefined;
}

/** The bar's columns: the standard ones, receive time aside, with the symbols of the input. */
export function barSchema(input: Schema): Schema {
  const { required, optional } = STANDARD_COLUMNS.bar;
  const symbol = findColumn(input, 'symbol');
  const columns = [...required, ...optional.filter(({ name }) => name !== 'received')];
  return {
    kind: 'bar',
    columns: columns.map((column) => (column.name === 'symbol' ? (symbol ?? column) : column)),
  };
}

export function chooseBarColumns(options: BarsOptions, input: Schema): BarColumnNames {
  return {
    price: options.price ?? (findColumn(input, 'price') ? 'price' : 'mid'),
    size: options.size ?? (findColumn(input, 'size')?.type === 'float64' ? 'size' : undefined),
  };
}

export function checkBarColumns(options: BarsOptions, input: Schema, problems: PlanProblems): void {
  checkType(input, 'time', 'timestamp', [], problems);
  checkType(input, 'symbol', 'string', [], problems);
  const { price, size } = chooseBarColumns(options, input);
  if (options.price === undefined && !findColumn(input, price)) {
    const derived = findColumn(input, 'bid') && findColumn(input, 'ask');
    const hint = derived ? ' before it put { use: derive, columns: { mid: "(bid + ask) / 2" } }, or' : '';
    problems.add(
      ['price'],
      `expected a column "price" or "mid", found ${namesOf(input)};${hint} name the column of prices here`,
    );
  } else {
    checkType(input, price, 'float64', ['price'], problems);
  }
  if (size !== undefined) checkType(input, size, 'float64', ['size'], problems);
}

function checkType(
  input: Schema,
  name: string,
  type: Column['type'],
  path: readonly string[],
  problems: PlanProblems,
): void {
  const column = findColumn(input, name);
  if (!column) problems.add(path, `expected a column "${name}", found ${namesOf(input)}`);
  else if (column.type !== type) {
    problems.add(path, `expected column "${name}" to be a ${type}, found ${column.type}`);
  }
}

const namesOf = ({ columns }: Schema): string => columns.map(({ name }) => `"${name}"`).join(', ');
