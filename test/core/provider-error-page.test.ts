import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PROVIDER_ERRORS } from '../../src/core/provider-error-table.js';

describe('the page on errors of providers', () => {
  it('says of each kind what the table says', () => {
    const page = readFileSync('docs/provider-errors.md', 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z-]+)` \| `(PROVIDER_\w+)` \| (.*) \|$/gm)];
    const told = rows.map(([, kind, code, rest]) => [kind, code, ...rest!.split(' | ')]);
    const yes = (is: boolean) => (is ? 'yes' : 'no');
    const table = Object.entries(PROVIDER_ERRORS).map(([kind, rule]) => [
      kind,
      rule.code,
      rule.budget,
      rule.breaker,
      yes(rule.callAgain),
      yes(rule.restart),
    ]);
    expect(told.sort()).toEqual(table.sort());
  });
});
