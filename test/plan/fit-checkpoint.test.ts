import { describe, expect, it } from 'vitest';
import type { PlainData } from '../../src/core/plain-data.js';
import { fitCheckpoint } from '../../src/plan/fit-checkpoint.js';
import { fingerprintOf } from '../../src/plan/spec-fingerprint.js';
import type { PipelineSpec } from '../../src/plan/typed-spec.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';

const SPEC = {
  name: 'prints',
  source: {
    use: 'replay',
    path: 'in/*.csv',
    kind: 'trade',
    columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price' },
  },
  sink: { use: 'csv', path: 'out' },
} as const satisfies PipelineSpec;

const FILTER = { use: 'filter', where: 'price > 1' } as const;
const OTHER_FILTER = { use: 'filter', where: 'price > 2' } as const;
const BARS = { use: 'bars', every: '1m' } as const;
const BARS_OF_BARS = { use: 'bars', every: '1h', price: 'close' } as const;

type Operators = PipelineSpec['operators'] & object;

const withOperators = (operators: Operators, more: Partial<PipelineSpec> = {}): PipelineSpec => ({
  ...SPEC,
  ...more,
  operators,
});

/** What a checkpoint of a spec says: bars have a state, the others have none. */
async function taken(spec: PipelineSpec, sink: PlainData = { parts: 1 }) {
  const operators = (spec.operators ?? []) as readonly { readonly use: string; readonly name?: string }[];
  const keyOf = ({ name }: { readonly name?: string }, i: number) =>
    name === undefined ? `operators[${i}]` : `"${name}"`;
  const states: Record<string, PlainData> = { source: 5, sink };
  const rows: Record<string, PlainData> = {};
  for (const [i, operator] of operators.entries()) {
    states[keyOf(operator, i)] = operator.use === 'bars' ? { of: `bars ${i}` } : null;
    rows[keyOf(operator, i)] = { in: 10 + i };
  }
  return { spec: fingerprintOf(await resolveSpec(spec)), states: { ...states, rows } };
}

async function fitOf(from: PipelineSpec, to: PipelineSpec, sink?: PlainData) {
  return fitCheckpoint(await taken(from, sink), await resolveSpec(to));
}

const refused = async (from: PipelineSpec, to: PipelineSpec, sink?: PlainData) =>
  (await fitOf(from, to, sink)).misfits;

describe('a checkpoint', () => {
  it.each<readonly [string, Operators, Operators, readonly string[]]>([
    ['a filter with another expression', [FILTER], [OTHER_FILTER], ['operators[0].where']],
    ['one filter more', [FILTER], [FILTER, OTHER_FILTER], ['operators[1].use', 'operators[1].where']],
    ['no filter any more', [FILTER], [], ['operators[0].use', 'operators[0].where']],
    [
      'another kind of operator in the place of a filter',
      [FILTER],
      [{ use: 'derive', columns: { price: 'price * 2' } }],
      ['operators[0].columns.price', 'operators[0].use', 'operators[0].where'],
    ],
  ])('is gone on from with %s, and says so', async (_what, before, after, followed) => {
    const found = await fitOf(withOperators(before), withOperators(after));
    expect(found.misfits).toEqual([]);
    expect(found.followed).toEqual(followed);
  });

  it.each<readonly [string, Operators, Operators, Readonly<Record<string, PlainData>>]>([
    ['behind a new filter', [BARS], [FILTER, BARS], { 'operators[1]': { of: 'bars 0' } }],
    ['where a filter was', [FILTER, BARS], [BARS], { 'operators[0]': { of: 'bars 1' } }],
    ['under a name', [FILTER, BARS], [{ ...BARS, name: 'minutes' }], { '"minutes"': { of: 'bars 1' } }],
    [
      'in their order',
      [BARS, BARS_OF_BARS],
      [FILTER, BARS, BARS_OF_BARS],
      { 'operators[1]': { of: 'bars 0' }, 'operators[2]': { of: 'bars 1' } },
    ],
  ])('has the state of bars that are found %s', async (_where, before, after, states) => {
    const { misfits, checkpoint } = await fitOf(withOperators(before), withOperators(after));
    expect(misfits).toEqual([]);
    expect(
      Object.fromEntries(Object.entries(checkpoint.states).filter(([, state]) => isOfBars(state))),
    ).toEqual(states);
  });

  it('counts on the rows of an operator that has moved, and none of one that is no more', async () => {
    const { checkpoint } = await fitOf(withOperators([FILTER, BARS]), withOperators([BARS]));
    expect(checkpoint.states.rows).toEqual({ 'operators[0]': { in: 11 } });
  });

  it('fits what it was made to fit', async () => {
    const after = await resolveSpec(withOperators([OTHER_FILTER, FILTER, BARS]));
    const { checkpoint } = fitCheckpoint(await taken(withOperators([FILTER, BARS])), after);
    expect(fitCheckpoint(checkpoint, after)).toEqual({ misfits: [], followed: [], checkpoint });
  });

  it.each<readonly [string, Operators, Operators, string]>([
    [
      'bars of another length',
      [BARS],
      [{ ...BARS, every: '5m' }],
      'Operator "bars" (operators[0]): its state was made with these options: leave them, or drain the job and submit the changed spec as a new run',
    ],
    [
      'bars that are gone',
      [{ ...BARS, name: 'minutes' }],
      [FILTER],
      'Stage "minutes" of the checkpoint: it has a state, and what it holds would be lost: keep it, or drain the job and submit the changed spec as a new run',
    ],
    [
      'bars that cannot be told from others',
      [BARS],
      [FILTER, BARS, BARS],
      'Operator "filter" (operators[0]): its state was made with these options: leave them, or drain the job and submit the changed spec as a new run',
    ],
  ])('is refused with %s, and says what to do', async (_what, before, after, text) => {
    const misfits = await refused(withOperators(before), withOperators(after));
    expect(misfits.map(({ title, advice }) => `${title}: ${advice}`)).toEqual([text]);
  });

  it('is refused where a sink that goes on in its files would get other columns, and names them', async () => {
    const [misfit, ...others] = await refused(
      withOperators([FILTER]),
      withOperators([FILTER, { use: 'derive', columns: { twice: 'price * 2' } }]),
    );
    expect(others).toEqual([]);
    expect(`${misfit?.title}: ${misfit?.advice}`).toBe(
      'Sink "csv": its columns would be different: twice, and it goes on in what it has begun: give it the same ones (operator "select"), ' +
        'or drain the job and submit the changed spec as a new run',
    );
    const order = await refused(
      withOperators([]),
      withOperators([{ use: 'select', columns: ['symbol', 'time', 'price'] }]),
    );
    expect(order[0]?.advice).toContain('in another order');
  });

  it('leaves the columns open to a sink that goes on in nothing', async () => {
    const after = withOperators([{ use: 'derive', columns: { twice: 'price * 2' } }]);
    expect(await refused(withOperators([]), after, null)).toEqual([]);
  });

  it('is refused with a source, a name or a sink of other options', async () => {
    const source = { ...SPEC.source, path: 'else/*.csv' };
    const misfits = await refused(
      withOperators([]),
      withOperators([], { name: 'other', source, sink: { use: 'csv', path: 'b' } }),
    );
    expect(misfits.map(({ title, paths }) => [title, ...paths])).toEqual([
      ['"name"', 'name'],
      ['Sink "csv"', 'sink.path'],
      ['Source "replay"', 'source.path'],
    ]);
  });

  it('without states takes each operator to have one', async () => {
    const { spec } = await taken(withOperators([FILTER]));
    const { misfits } = fitCheckpoint({ spec }, await resolveSpec(withOperators([OTHER_FILTER])));
    expect(misfits.map(({ paths }) => paths)).toEqual([['operators[0].where']]);
  });
});

const isOfBars = (state: unknown): boolean => typeof state === 'object' && state !== null && 'of' in state;
