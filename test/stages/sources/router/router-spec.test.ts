import { describe, expect, it } from 'vitest';
import { InvalidSpecError } from '../../../../src/core/errors.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';

const quotes = { use: 'synthetic', kind: 'quote', rows: 10 };
const trades = { use: 'synthetic', kind: 'trade', rows: 10 };

async function problemsOf(router: object): Promise<string[]> {
  const spec = uncheckedSpec({ name: 'x', source: { use: 'router', ...router }, sink: { use: 'null' } });
  try {
    await createPipeline(spec).build();
    return [];
  } catch (error) {
    if (!(error instanceof InvalidSpecError)) throw error;
    return error.problems.map(({ path, message }) => `${path.join('.')}: ${message}`);
  }
}

describe('a spec with a router', () => {
  it('is sound with sources of the same columns, as a list or by names', async () => {
    expect(await problemsOf({ sources: [quotes, quotes] })).toEqual([]);
    expect(await problemsOf({ sources: { main: quotes, backup: quotes } })).toEqual([]);
  });

  it('is refused where a source has other columns, with its place', async () => {
    expect(await problemsOf({ sources: [quotes, trades] })).toEqual([
      expect.stringMatching(/^source\.sources\.1: expected a column "bid", as sources\[0] has one/),
    ]);
    expect(await problemsOf({ sources: { main: quotes, backup: trades } })).toEqual([
      expect.stringMatching(/^source\.sources\.backup: expected a column "bid"/),
    ]);
    const made = { ...trades, operators: [{ use: 'select', columns: ['time', 'symbol'] }] };
    const alike = { ...quotes, operators: [{ use: 'select', columns: ['time', 'symbol'] }] };
    expect(await problemsOf({ sources: [alike, made] })).toEqual([]);
  });

  it.each([
    [{ sequence: {} }, 'source.sequence: expected sources with a column "sequence"'],
    [{ switchOnGap: true }, 'source.switchOnGap: expected `standby: hot` beside it'],
    [{ silentShare: 0.5 }, 'source.silentShare: expected "silence" beside it'],
    [{ weights: [1, 1] }, 'source.weights: expected `strategy: weighted` beside it'],
    [
      { strategy: 'weighted', weights: [1] },
      'source.weights: expected 2 weights, one for each source, found 1',
    ],
    [
      { strategy: 'weighted', weights: { main: 1 } },
      'source.weights: expected a weight for each source, found none',
    ],
    [{ backOff: '2m' }, 'source.backOffMax: expected at least "backOff"'],
    [{ sources: [] }, 'source.sources: expected 1 to 16 sources'],
    [{ strategy: 'best' }, 'source.strategy: expected first, round-robin, fastest, weighted'],
    [{ budget: { provider: 'x' } }, 'source.budget: '],
    [{ queue: { rows: 10 } }, 'source.queue: '],
  ])('is refused with %j', async (options, problem) => {
    const found = await problemsOf({ sources: [quotes, quotes], ...options });
    expect(found).toContainEqual(expect.stringContaining(problem));
  });
});
