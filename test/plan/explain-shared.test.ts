import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Catalogue } from '../../src/plan/catalogue.js';
import { explainSpec } from '../../src/plan/explain-spec.js';
import { resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { builtIn } from '../../src/registry/built-in.js';
import { askedHere } from '../support/asked-here.js';
import { branchedStages } from '../support/branched-stages.js';
import { nestedStages } from '../support/nested-stages.js';

const registry = builtIn.with([...nestedStages(), ...branchedStages()]);
const catalogue = new Catalogue(registry);
const NULL = { use: 'null' };
const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function explained(sink: object, rest: object = {}) {
  const spec = { name: 'shares', source: { use: 'counting' }, sink, ...rest };
  const { resolved, outputs } = await resolveWithFiles(spec, { catalogue, userCode: askedHere });
  return { resolved, outputs, ...(await explainSpec(resolved, outputs, registry)) };
}

describe('what explain says of shared columns', () => {
  it('names the first stage of each branch that may write, since those behind it get its copy', async () => {
    const path = join(folder, 'own.mjs');
    writeFileSync(
      path,
      'export default { plan: (options, input) => input, create: () => ({ process() {} }) };',
    );
    const { shared } = await explained({
      use: 'tee',
      branches: [
        { ...NULL, operators: [{ use: 'filter', where: 'n > 1' }] },
        { ...NULL, operators: [{ use: 'filter', where: 'n > 1' }, { use: 'running' }, { use: 'splitting' }] },
        { ...NULL, operators: [{ use: 'module', path }] },
        { use: 'telling' },
      ],
    });
    expect(shared.columns).toEqual([
      {
        sink: 'sink',
        branches: ['sink.branches[0]', 'sink.branches[1]', 'sink.branches[2]', 'sink.branches[3]'],
        copies: ['sink.branches[1].operators[1]', 'sink.branches[2].operators[0]', 'sink.branches[3]'],
      },
    ]);
  });

  it('is nothing where there is but one branch', async () => {
    expect((await explained({ use: 'tee', branches: [NULL] })).shared.columns).toEqual([]);
    expect((await explained(NULL)).shared.columns).toEqual([]);
  });
});

describe('what explain says of budgets and breakers', () => {
  it('names the sources that share one, those of inputs and in branches included', async () => {
    const zip = { use: 'zip', with: { use: 'counting' } };
    const { resolved, outputs } = await explained(
      { use: 'tee', branches: [{ ...NULL, operators: [zip] }] },
      { operators: [zip] },
    );
    const feed = { budget: { provider: 'feed', cost: 1 }, breaker: 'feed' };
    const tenant = { budget: { provider: 'feed', tenant: 'desk', cost: 2 } };
    const gated = structuredClone({ ...resolved, gate: feed });
    const [own] = gated.operators;
    Object.assign(own!.inputs!.with!, { gate: tenant });
    const inBranch = gated.sink.branches!['branches[0]']!.operators[0]!;
    Object.assign(inBranch.inputs!.with!, { gate: feed });
    const { shared } = await explainSpec(gated, outputs, registry);
    expect(shared).toMatchObject({
      budgets: [
        { name: 'feed', sources: ['source', 'sink.branches[0].operators[0].with'] },
        { name: 'feed, tenant desk', sources: ['operators[0].with'] },
      ],
      breakers: [{ name: 'feed', sources: ['source', 'sink.branches[0].operators[0].with'] }],
    });
  });
});

describe('what explain says of the sinks of user code', () => {
  it('is that only its own code knows how rows arrive', async () => {
    const { resolved, outputs } = await explained(NULL);
    const sink = { ...resolved.sink, use: 'their own', runsUserCode: true };
    const { delivery, stages } = await explainSpec({ ...resolved, sink }, outputs, registry);
    expect(delivery.withStore).toMatchObject([{ guarantee: 'unknown' }]);
    expect(stages.at(-1)).not.toHaveProperty('capabilities');
  });
});
