import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ErrorsOptions, errors } from '../../src/cli/commands/errors.js';
import { errorsPage } from '../../src/cli/errors-page.js';
import { ERROR_GROUPS, ERROR_TEXTS } from '../../src/core/error-codes/error-codes.js';
import { called } from '../support/called-command.js';

const tickloomErrors = (code?: string, options: ErrorsOptions = {}) =>
  called((terminal) => errors(code, options, terminal));

describe('the text about errors', () => {
  it('has each code in one group', () => {
    const grouped = ERROR_GROUPS.flatMap(({ codes }) => Object.keys(codes));
    expect(grouped.toSorted()).toEqual(Object.keys(ERROR_TEXTS).toSorted());
  });

  it.each(Object.entries(ERROR_TEXTS))('says in one sentence what %s means', (_code, { meaning }) => {
    expect(meaning).toMatch(/^[A-Z][^.]*\.$/);
  });

  it('is in docs/errors.md as it is in the code', () => {
    const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    expect(page, 'stale: npm run build && npm run -s tickloom -- errors --markdown > docs/errors.md').toBe(
      errorsPage(),
    );
  });
});

describe('tickloom errors', () => {
  it('lists all codes', async () => {
    const { code: exitCode, out } = await tickloomErrors();
    expect(exitCode).toBe(0);
    for (const [code, { meaning }] of Object.entries(ERROR_TEXTS)) {
      expect(out).toMatch(new RegExp(`^ {2}${code} +${meaning}$`, 'm'));
    }
  });

  it.each(['FENCED', 'fenced'])('says all about one code (%s)', async (code) => {
    const { meaning, cause, remedy } = ERROR_TEXTS.FENCED;
    expect(await tickloomErrors(code)).toEqual({
      code: 0,
      out: `FENCED: ${meaning}\n  cause: ${cause}\n  remedy: ${remedy}\n  retryable: no\n`,
      err: '',
    });
  });

  it('prints one code or all of them as JSON', async () => {
    const one = JSON.parse((await tickloomErrors('FENCED', { json: true })).out);
    expect(one).toEqual({ errors: [{ code: 'FENCED', group: 'Output', ...ERROR_TEXTS.FENCED }] });
    const all = JSON.parse((await tickloomErrors(undefined, { json: true })).out);
    expect(all.errors).toHaveLength(Object.keys(ERROR_TEXTS).length);
  });

  it('refuses what is no code, and names the nearest one', async () => {
    expect(await tickloomErrors('LATE_ROWS')).toEqual({
      code: 2,
      out: '',
      err: 'error: expected the code of an error, found "LATE_ROWS"; did you mean "LATE_ROW"?\n',
    });
    expect((await tickloomErrors('what')).err).toContain('"tickloom errors" lists them');
  });
});
