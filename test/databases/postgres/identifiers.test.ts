import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { connectToPostgres } from '../../../src/databases/postgres/connect.js';
import { PostgresConnectionOptions } from '../../../src/databases/postgres/connection-options.js';
import {
  problemOfName,
  quoteName,
  quoteTable,
  quoteText,
  tableNameOf,
} from '../../../src/databases/postgres/identifiers.js';
import { hasPostgres, postgresConnection, postgresTitle } from '../../support/postgres-server.js';
import '../../support/property-seed.js';

describe('a quoted name', () => {
  it('doubles its quotes, and has each part of a table in quotes of its own', () => {
    expect(quoteName('a"; DROP TABLE b; --')).toBe('"a""; DROP TABLE b; --"');
    expect(quoteTable(tableNameOf('Md.ticks'))).toBe('"Md"."ticks"');
    expect(quoteTable(tableNameOf('ticks'))).toBe('"ticks"');
  });

  it('is refused where PostgreSQL would cut it or cannot hold it', () => {
    expect(problemOfName('é'.repeat(31))).toBeUndefined();
    expect(problemOfName('é'.repeat(32))).toContain('at most 63 bytes');
    expect(problemOfName('')).toBeDefined();
    expect(problemOfName('a\0')).toBeDefined();
  });
});

describe.runIf(hasPostgres)(postgresTitle('quoted names and texts'), () => {
  it('are to the server what they were, whatever is in them', async () => {
    const connection = await connectToPostgres(PostgresConnectionOptions.parse(postgresConnection()));
    const text = fc.string({
      unit: fc.constantFrom('a', "'", '"', '\\', '$', ';', '-', 'é', '\n', '%'),
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(text, text, fc.boolean(), async (name, value, isStandard) => {
        await connection.query(`SET standard_conforming_strings = ${isStandard ? 'on' : 'off'}`);
        const column = `c${name}`;
        const found = await connection.query(
          `SELECT x.${quoteName(column)} FROM (SELECT ${quoteText(value)} AS ${quoteName(column)}) x`,
        );
        expect(found).toEqual([[value]]);
      }),
      { numRuns: 100 },
    );
    await connection.end();
  });
});
