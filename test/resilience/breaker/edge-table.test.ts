import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const textOf = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const firstGroups = (matches: Iterable<RegExpMatchArray>) => [...matches].map(([, group]) => group!).sort();

describe('the table of edges in docs/breaker.md', () => {
  it('has a row for each test, and a test for each row', () => {
    const table = textOf('../../../docs/breaker.md').split('## At the edges')[1]!.split('\n## ')[0]!;
    const rows = firstGroups(table.matchAll(/^\| (?!---|edge \|)(.*?) \|/gm));
    const files = readdirSync(new URL('.', import.meta.url)).filter((name) =>
      /^edges.*\.test\.ts$/.test(name),
    );
    const tests = firstGroups(files.flatMap((name) => [...textOf(name).matchAll(/\bedge\('([^']+)'/g)]));
    expect(rows.length).toBeGreaterThan(40);
    expect(tests).toEqual(rows);
  });
});
