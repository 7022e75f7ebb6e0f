import { describe, expect, it } from 'vitest';
import {
  type BranchTree,
  type InputTree,
  placesInBranch,
  placesOf,
  placesOfBranch,
  type StageNode,
  type StageTree,
  titleOf,
} from '../../src/wire/stage-tree.js';

interface Node extends StageNode<Node> {}

const one = (use: string, rest: Partial<Node> = {}): Node => ({ use, ...rest });

function branch(at: BranchTree<Node>['at'], sink: Node, operators: readonly Node[] = []): BranchTree<Node> {
  return { at, operators, batcher: one('smart'), sink };
}

function input(source: Node): InputTree<Node> {
  return { at: ['with'], source, operatorsAt: ['operators'], operators: [] };
}

const ROUTES = one('split', {
  branches: {
    'routes.large': branch(['routes', 'large'], one('parquet', { name: 'big' }), [one('filter')]),
    otherwise: branch(['otherwise'], one('null')),
  },
});

const TREE: StageTree<Node> = {
  source: one('replay'),
  operators: [one('asof', { inputs: { with: input(one('replay')) } })],
  batcher: one('smart'),
  sink: one('tee', {
    branches: {
      'branches[0]': branch(['branches', 0], ROUTES),
      'branches[1]': branch(['branches', 1], one('csv'), [
        one('asof', { name: 'join', inputs: { with: input(one('synthetic')) } }),
      ]),
    },
  }),
};

describe('the places of the stages of a tree', () => {
  it('have their path in the spec as id, each stage before those inside it', () => {
    expect(placesOf(TREE).map(({ id, kind }) => `${kind} ${id}`)).toEqual([
      'source source',
      'operator operators[0]',
      'source operators[0].with',
      'batcher batcher',
      'sink sink',
      'batcher sink.branches[0].batcher',
      'sink sink.branches[0]',
      'operator sink.branches[0].routes.large.operators[0]',
      'batcher sink.branches[0].routes.large.batcher',
      'sink sink.branches[0].routes.large',
      'batcher sink.branches[0].otherwise.batcher',
      'sink sink.branches[0].otherwise',
      'operator sink.branches[1].operators[0]',
      'source sink.branches[1].operators[0].with',
      'batcher sink.branches[1].batcher',
      'sink sink.branches[1]',
    ]);
  });

  it('go by name in a checkpoint where there is one, and so do the places inside them', () => {
    const named = placesOf(TREE).filter(({ id, key }) => id !== key);
    expect(named.map(({ id, key }) => `${id} = ${key}`)).toEqual([
      'sink.branches[0].routes.large.operators[0] = "big".operators[0]',
      'sink.branches[0].routes.large.batcher = "big".batcher',
      'sink.branches[0].routes.large = "big"',
      'sink.branches[1].operators[0] = "join"',
      'sink.branches[1].operators[0].with = "join".with',
    ]);
  });

  it('tell what is inside other stages, and what is in a branch, inputs in it included', () => {
    const places = placesOf(TREE);
    expect(places.filter(({ isNested }) => !isNested).map(({ id }) => id)).toEqual([
      'source',
      'operators[0]',
      'batcher',
      'sink',
    ]);
    const besidesBranches = places.filter(({ isInBranch }) => !isInBranch).map(({ id }) => id);
    expect(besidesBranches).toEqual(['source', 'operators[0]', 'operators[0].with', 'batcher', 'sink']);
  });

  it('of one branch are those of its own stages, or those and all inside them', () => {
    const owner = placesOf(TREE).find(({ id }) => id === 'sink')!;
    const [, second] = Object.values(owner.stage.branches!);
    const all = placesOf(TREE).filter(({ id }) => id.startsWith('sink.branches[1]'));
    expect(placesInBranch(owner, second!)).toEqual(all);
    const { operators, batcher, sink } = placesOfBranch(owner, second!);
    expect([...operators, batcher, sink].map(({ id }) => id)).toEqual([
      'sink.branches[1].operators[0]',
      'sink.branches[1].batcher',
      'sink.branches[1]',
    ]);
  });

  it('stand in the titles of stages', () => {
    const titles = placesOf(TREE).map(titleOf);
    expect(titles).toContain('Sink "parquet" (big, sink.branches[0].routes.large)');
    expect(titles).toContain('Batcher "smart" (sink.branches[1].batcher)');
    expect(titles).toContain('Sink "tee"');
  });
});
