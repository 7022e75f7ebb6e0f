import { describe, expect, it } from 'vitest';
import { needsOriginsInBranches } from '../../../src/engine/branches/origins-in-branches.js';
import type { Named, RunningBranch, Stage } from '../../../src/engine/stage.js';

/** A sink with these branches, as far as this question goes. */
const sink = (...branches: readonly RunningBranch[]) =>
  ({ use: 'tee', branches: Object.fromEntries(branches.entries()) }) as unknown as Named<Stage>;
const branch = (operators: number, of = sink()) =>
  ({ operators: Array.from({ length: operators }), sink: of }) as unknown as RunningBranch;

describe('where rows were read', () => {
  it('is not kept for sinks alone', () => {
    expect(needsOriginsInBranches({ use: 'null' } as Named<Stage>)).toBe(false);
    expect(needsOriginsInBranches(sink(branch(0), branch(0, sink(branch(0)))))).toBe(false);
  });

  it('is kept for operators, however deep they are', () => {
    expect(needsOriginsInBranches(sink(branch(0), branch(1)))).toBe(true);
    expect(needsOriginsInBranches(sink(branch(0), branch(0, sink(branch(0), branch(2)))))).toBe(true);
  });
});
