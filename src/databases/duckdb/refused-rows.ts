import type { DuckDBConnection } from '@duckdb/node-api';
import { quoteName, quoteTable } from './quote-name.js';
import type { StagedTable } from './staged-rows.js';
import { areSameColumns, type TableConstraint, type TargetTable } from './target-table.js';

/** A row that a constraint of the table refuses. */
export interface RefusedRow {
  /** Its number in the staged table, from 0. */
  readonly row: number;
  /** The constraint, as DuckDB writes it. */
  readonly constraint: string;
}

/** Rows that may be in the way of one another, of one table, that are looked at together. */
const CANDIDATES_MAX = 1_000_000;

/**
 * Finds the staged rows that the constraints of a table refuse, as if they were inserted one by one: of two rows
 * with the same unique values, the first is taken. DuckDB itself ends a transaction with its first refused row,
 * without a way to go on in it.
 *
 * @param key - Of an upsert: of the rows with one key, only the last one is inserted. Without those that were found,
 *   the one before it is, so that the others may have to be looked at once more.
 * @param candidatesMax - The most rows that are looked at together.
 * @returns `undefined` if there are too many to look at.
 */
export async function refusedRows(
  connection: DuckDBConnection,
  target: TargetTable,
  staged: readonly StagedTable[],
  key: readonly string[] | undefined,
  candidatesMax = CANDIDATES_MAX,
): Promise<ReadonlyMap<StagedTable, readonly RefusedRow[]> | undefined> {
  const refused = new Map<StagedTable, Map<number, string>>(staged.map((table) => [table, new Map()]));
  let found = 0;
  for (const table of staged) {
    for (const constraint of target.constraints) {
      const condition = conditionOf(constraint);
      if (condition === undefined) continue;
      const rows = await connection.runAndReadAll(
        `SELECT rowid FROM ${table.name} WHERE ${condition} LIMIT ${candidatesMax + 1 - found}`,
      );
      found += rows.currentRowCount;
      if (found > candidatesMax) return undefined;
      for (const [row] of rows.getRows()) refused.get(table)!.set(Number(row), constraint.text);
    }
  }
  if (key && found > 0) return inOrder(refused); // which rows are the last of their keys is to be seen without them
  const uniques = target.constraints.filter((one) => one.kind === 'unique' && !isKey(one.columns, key));
  const candidates: Candidate[] = [];
  for (const [i, constraint] of uniques.entries()) {
    if (constraint.kind !== 'unique') continue;
    const rowsMax = candidatesMax - found - candidates.length;
    const more = await candidatesOf(connection, target, staged, constraint.columns, key, i, rowsMax);
    if (more.length > rowsMax) return undefined;
    for (const one of more) candidates.push(one);
  }
  decide(candidates, refused, staged, uniques);
  return inOrder(refused);
}

/**
 * The condition of the rows of a staged table that an upsert inserts: each is the last one of its key. The table is
 * called `s`.
 *
 * @param at - Which one of the tables it is: rows of later ones take the place of its own.
 */
export function isLastOfKey(key: readonly string[], staged: readonly StagedTable[], at: number): string {
  const names = key.map(quoteName);
  const same = names.map((name) => `l.${name} = s.${name}`).join(' AND ');
  const later = staged
    .slice(at + 1)
    .map(({ name }) => ` AND NOT EXISTS (SELECT 1 FROM ${name} AS l WHERE ${same})`);
  const last = `s.rowid IN (SELECT max(rowid) FROM ${staged[at]!.name} GROUP BY ${names.join(', ')})`;
  return `${last}${later.join('')}`;
}

const inOrder = (refused: ReadonlyMap<StagedTable, ReadonlyMap<number, string>>) =>
  new Map(
    [...refused].map(([table, rows]) => [
      table,
      [...rows].map(([row, constraint]) => ({ row, constraint })).sort((a, b) => a.row - b.row),
    ]),
  );

/** A row whose values under a unique constraint are there twice. */
interface Candidate {
  readonly table: number;
  readonly row: number;
  readonly constraint: number;
  /** Rows with the same number have the same values. */
  readonly group: string;
  readonly isThere: boolean;
}

function decide(
  candidates: readonly Candidate[],
  refused: ReadonlyMap<StagedTable, Map<number, string>>,
  staged: readonly StagedTable[],
  uniques: readonly TableConstraint[],
): void {
  const byRow = new Map<string, Candidate[]>();
  for (const one of candidates) {
    const place = `${one.table}:${one.row}`;
    const others = byRow.get(place);
    if (others) others.push(one);
    else byRow.set(place, [one]);
  }
  const rows = [...byRow.values()].sort((a, b) => a[0]!.table - b[0]!.table || a[0]!.row - b[0]!.row);
  const taken = new Set<string>();
  for (const row of rows) {
    const [{ table, row: number }] = row as [Candidate];
    const ofTable = refused.get(staged[table]!)!;
    if (ofTable.has(number)) continue;
    const groups = row.map(({ constraint, group }) => `${constraint}:${group}`);
    const clash = row.findIndex(({ isThere }, i) => isThere || taken.has(groups[i]!));
    if (clash >= 0) ofTable.set(number, uniques[row[clash]!.constraint]!.text);
    else for (const group of groups) taken.add(group);
  }
}

async function candidatesOf(
  connection: DuckDBConnection,
  target: TargetTable,
  staged: readonly StagedTable[],
  columns: readonly string[],
  key: readonly string[] | undefined,
  constraint: number,
  rowsMax: number,
): Promise<Candidate[]> {
  const names = columns.map(quoteName);
  const all = staged.map(
    ({ name }, i) =>
      `SELECT ${i} AS tickloom_table, s.rowid AS tickloom_row, s.* FROM ${name} AS s` +
      (key ? ` WHERE ${isLastOfKey(key, staged, i)}` : ''),
  );
  const same = names.map((name) => `t.${name} = s.${name}`).join(' AND ');
  // The row that an upsert replaces is not in its way.
  const isOther = key
    ? ` AND NOT (${key.map((name) => `t.${quoteName(name)} = s.${quoteName(name)}`).join(' AND ')})`
    : '';
  const hasAll = names.map((name) => `${name} IS NOT NULL`).join(' AND ');
  const sql = `WITH s AS (SELECT *, dense_rank() OVER (ORDER BY ${names.join(', ')}) AS tickloom_group,
      count(*) OVER (PARTITION BY ${names.join(', ')}) AS tickloom_rows
      FROM (${all.join(' UNION ALL ')}) WHERE ${hasAll})
    SELECT tickloom_table, tickloom_row, tickloom_group, tickloom_is_there FROM (
      SELECT s.*, EXISTS (SELECT 1 FROM ${quoteTable(target.name)} t WHERE ${same}${isOther}) AS tickloom_is_there FROM s)
    WHERE tickloom_rows > 1 OR tickloom_is_there LIMIT ${rowsMax + 1}`;
  const found = await connection.runAndReadAll(sql);
  return found.getRows().map(([table, row, group, isThere]) => ({
    table: Number(table),
    row: Number(row),
    group: String(group),
    constraint,
    isThere: isThere === true,
  }));
}

function conditionOf(constraint: TableConstraint): string | undefined {
  switch (constraint.kind) {
    case 'not null':
      return constraint.columns.map((name) => `${quoteName(name)} IS NULL`).join(' OR ');
    case 'check':
      return `NOT coalesce(${constraint.expression}, true)`;
    default:
      return undefined;
  }
}

const isKey = (columns: readonly string[], key: readonly string[] | undefined): boolean =>
  key !== undefined && areSameColumns(columns, key);
