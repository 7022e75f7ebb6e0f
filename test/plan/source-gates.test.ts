import { describe, expect, it } from 'vitest';
import { InvalidSpecError } from '../../src/core/errors.js';
import { Catalogue } from '../../src/plan/catalogue.js';
import { resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { askedHere } from '../support/asked-here.js';

const SOURCE = { use: 'synthetic', kind: 'quote', rows: 4 };
const GATE = { budget: { provider: 'feed' }, breaker: 'feed' };
const merge = (...sources: readonly object[]) => ({ use: 'merge', sources });

/** What is wrong with the budgets and breakers of a source, apart from that none is declared. */
async function problemsOf(source: object): Promise<readonly string[]> {
  const refusal = await resolveWithFiles(
    { name: 'gated', source, sink: { use: 'null' } },
    { catalogue: new Catalogue(), userCode: askedHere },
  ).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(InvalidSpecError);
  return (refusal as InvalidSpecError).problems
    .filter(({ message }) => !message.startsWith('no budgets'))
    .map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('a budget and a breaker', () => {
  const advice = (of: string) =>
    `expected no ${of} in front of a source that reads other sources, since only these call a provider: give it to`;

  it('are refused in front of a source that is made of others, whose calls are meant', async () => {
    expect(await problemsOf({ ...merge(SOURCE, SOURCE), ...GATE })).toEqual([
      `source.budget: ${advice('budget')} sources[0], sources[1]`,
      `source.breaker: ${advice('breaker')} sources[0], sources[1]`,
    ]);
    expect(await problemsOf(merge(SOURCE, { ...merge(SOURCE), breaker: 'feed' }))).toEqual([
      `source.sources.1.breaker: ${advice('breaker')} sources[0]`,
    ]);
  });

  it('may stand in front of each of these', async () => {
    expect(await problemsOf(merge({ ...SOURCE, ...GATE }, SOURCE))).toEqual([]);
  });
});
