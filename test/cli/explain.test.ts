import { afterAll, describe, expect, it } from 'vitest';
import { explain } from '../../src/cli/commands/explain.js';
import { called } from '../support/called-command.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const SPEC = `name: shown
source: { use: synthetic, kind: trade, rows: 1 }
operators:
  - { use: select, columns: [time, price], name: narrow }
sink: { use: "null" }
`;

describe('tickloom explain', () => {
  it('prints the stages with ids, names, columns and what the source promises', async () => {
    SCRATCH.write('spec.yaml', SPEC);
    const { code, out, err } = await called((terminal) =>
      explain([`${SCRATCH.folder}/spec.yaml`], { set: [] }, terminal),
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.split('\n')).toEqual([
      'shown',
      '  source: synthetic, replayable, ends by itself',
      expect.stringContaining('    trade: time timestamp, symbol string, price float64'),
      '  operators[0]: select (narrow)',
      '    custom: time timestamp, price float64',
      '  batcher: smart',
      '  sink: null',
      '',
    ]);
  });

  it('prints the same as data', async () => {
    SCRATCH.write('spec.yaml', SPEC);
    const { out } = await called((terminal) =>
      explain([`${SCRATCH.folder}/spec.yaml`], { set: ['source.rows=2'], json: true }, terminal),
    );
    expect(JSON.parse(out)).toMatchObject({
      specs: [
        {
          name: 'shown',
          stages: [{ stage: 'source' }, { stage: 'operators[0]', name: 'narrow' }, {}, {}],
        },
      ],
    });
  });

  it('names what is wrong with a spec, and exits with 2', async () => {
    SCRATCH.write('wrong.yaml', SPEC.replace('synthetic', 'synthetc'));
    const { code, out, err } = await called((terminal) =>
      explain([`${SCRATCH.folder}/wrong.yaml`], { set: [] }, terminal),
    );
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('wrong.yaml:2:11 source.use:');
  });
});
