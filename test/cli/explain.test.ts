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
      '  sink: null, idempotent',
      '  delivery with a checkpoint store: exactly once',
      '  delivery without one: each row once in a run that is not cut short, and a run that is cut short is not resumed',
      '',
    ]);
  });

  it('says that a topic leaves rows out, if it does', async () => {
    SCRATCH.write(
      'maker.yaml',
      'name: maker\nsource: { use: synthetic, rows: 1 }\nsink: { use: topic, topic: quotes }\n',
    );
    const delivery = async (overflow: string) => {
      SCRATCH.write(
        'reader.yaml',
        `name: reader\nsource: { use: topic, topic: quotes${overflow} }\nsink: { use: "null" }\n`,
      );
      const files = ['reader', 'maker'].map((name) => `${SCRATCH.folder}/${name}.yaml`);
      const { code, out } = await called((terminal) => explain(files, { set: [] }, terminal));
      expect(code).toBe(0);
      return out.split('\n').find((line) => line.includes('delivery with a checkpoint store'));
    };
    expect(await delivery('')).toContain('source leaves rows out when its queue is full (conflate)');
    expect(await delivery(', overflow: block')).not.toContain('leaves rows out');
  });

  it('prints branches with their queues, how rows arrive in each, and what is shared', async () => {
    SCRATCH.write(
      'tree.yaml',
      `name: tree
source: { use: synthetic, kind: trade, rows: 1 }
sink:
  use: tee
  branches:
    - { use: "null", operators: [{ use: select, columns: [time, symbol], name: narrow }] }
    - { use: console, queue: { batches: 8, overflow: { trades: conflate } } }
    - { use: split, routes: { all: { when: "true", use: "null" } } }
`,
    );
    const { code, out } = await called((terminal) =>
      explain([`${SCRATCH.folder}/tree.yaml`], { set: [] }, terminal),
    );
    expect(code).toBe(0);
    const queue = 'behind a queue of 1024 batches, 262144 rows, 33554432 bytes (block)';
    expect(out.split('\n').slice(3)).toEqual([
      '  batcher: smart',
      '  sink: tee',
      '    sink.branches[0].operators[0]: select (narrow)',
      '      custom: time timestamp, symbol string',
      '    sink.branches[0].batcher: smart',
      `    sink.branches[0]: null, idempotent, ${queue}`,
      '    sink.branches[1].batcher: smart',
      '    sink.branches[1]: console, append, behind a queue of 8 batches, 262144 rows, 33554432 bytes (trades conflate)',
      '    sink.branches[2].batcher: smart',
      `    sink.branches[2]: split, ${queue}`,
      '      sink.branches[2].routes.all.batcher: smart',
      `      sink.branches[2].routes.all: null, idempotent, ${queue}`,
      '  delivery with a checkpoint store:',
      '    sink.branches[0]: exactly once',
      '    sink.branches[1]: no promise; sink.branches[1] leaves rows out when its queue is full (conflate); after a ' +
        'restart, the sink writes the rows since the last checkpoint again',
      '    sink.branches[2].routes.all: exactly once',
      '  delivery without one: each row once in a run that is not cut short, and a run that is cut short is not ' +
        'resumed; rows may be left out in the queue of sink.branches[1] (conflate)',
      '  sink.branches[2] may pass a row to no branch, and counts it: a split has "otherwise" for such rows',
      '  shared, and read only: the columns of batches that sink gives to sink.branches[0], sink.branches[1], ' +
        'sink.branches[2]; all of them only read',
      '',
    ]);
  });

  it('says nothing of rows without a route where the other rows have one', async () => {
    const sink =
      '{ use: split, routes: { a: { when: "size > 90", use: "null" } }, otherwise: { use: "null" } }';
    SCRATCH.write(
      'routes.yaml',
      `name: r\nsource: { use: synthetic, kind: trade, rows: 1 }\nsink: ${sink}\n`,
    );
    const { code, out } = await called((terminal) =>
      explain([`${SCRATCH.folder}/routes.yaml`], { set: [] }, terminal),
    );
    expect(code).toBe(0);
    expect(out).toContain('sink.otherwise');
    expect(out).not.toContain('go nowhere');
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
          delivery: { withStore: [{ sink: 'sink', guarantee: 'exactly-once' }], lossy: [], refused: [] },
          shared: { columns: [], budgets: [], breakers: [] },
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
