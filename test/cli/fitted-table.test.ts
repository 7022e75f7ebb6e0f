import { describe, expect, it } from 'vitest';
import { fittedTable } from '../../src/cli/fitted-table.js';

const COLUMNS = [
  { head: 'job' },
  { head: 'outcome' },
  ...['rows in', 'rows out', 'filtered', 'folded', 'rows/s', 'duration', 'first row', 'read', 'written'].map(
    (head) => ({ head, isRight: true }),
  ),
];
const ROWS = ['eurusd-bars', 'a'].map((name, i) => [
  name,
  'completed (drained)',
  ...Array.from({ length: 9 }, (_, at) => `${at}${i},000,000`),
]);

const widest = (text: string) => Math.max(...text.split('\n').map(({ length }) => length));
const lineWith = (text: string, part: string) => text.split('\n').find((line) => line.includes(part));

describe('a table that fits', () => {
  it.each([200, 131, 130, 80, 40, 20])('is at most %i wide, and has every cell', async (width) => {
    const text = await fittedTable(COLUMNS, ROWS, { width, keys: 1 });
    expect(widest(text)).toBeLessThanOrEqual(width);
    if (width < 40) return; // a name is cut
    for (const cell of [...COLUMNS.map(({ head }) => head), ...ROWS.flat()]) expect(text).toContain(cell);
  });

  it('is one table where there is no terminal, with one line for each row', async () => {
    const text = await fittedTable(COLUMNS, ROWS, { width: Number.POSITIVE_INFINITY, keys: 1 });
    expect(text.match(/┌/g)).toHaveLength(1);
    expect(lineWith(text, 'eurusd-bars')).toContain('80,000,000');
  });

  it('is cut into tables that each say which row it is', async () => {
    const text = await fittedTable(COLUMNS, ROWS, { width: 80, keys: 1 });
    const tables = text.split('┌').slice(1);
    expect(tables.length).toBeGreaterThan(1);
    for (const table of tables) expect(lineWith(table, 'eurusd-bars')).toBeDefined();
  });

  it('wraps prose before it is cut', async () => {
    const columns = [{ head: 'run' }, { head: 'whose', isProse: true }];
    const rows = [['k3vq7m2xan', 'a run that cannot be seen from this host or container']];
    const text = await fittedTable(columns, rows, { width: 50, keys: 1 });
    expect(widest(text)).toBeLessThanOrEqual(50);
    expect(text.match(/┌/g)).toHaveLength(1);
    expect(text.replace(/[^a-z]+/g, ' ')).toContain('from this host or container');
  });

  it('cuts a single text that is wider than the terminal', async () => {
    const text = await fittedTable([{ head: 'part' }], [['x'.repeat(300)]], { width: 80, keys: 1 });
    expect(widest(text)).toBeLessThanOrEqual(80);
    expect(text).toContain('…');
  });
});
