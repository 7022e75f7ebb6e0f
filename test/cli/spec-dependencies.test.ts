import { describe, expect, it } from 'vitest';
import { dependencyProblems } from '../../src/cli/spec-dependencies.js';

const spec = (name: string, ...jobs: readonly string[]) => ({
  name,
  dependsOn: jobs.map((job) => ({ job })),
});

const problemsOf = (
  specs: readonly ReturnType<typeof spec>[],
  stored: readonly string[] = [],
  name = specs[0]!.name,
) =>
  dependencyProblems(specs.find((one) => one.name === name)!, specs, new Set(stored)).map(
    ({ message }) => message,
  );

describe('the jobs that a spec of a command waits for', () => {
  it('are other specs of the command, wherever they stand', () => {
    expect(problemsOf([spec('report', 'load', 'check'), spec('check', 'load'), spec('load')])).toEqual([]);
  });

  it('are jobs in the store, by name or id', () => {
    expect(problemsOf([spec('report', 'old', 'job-7')], ['old', 'job-7'])).toEqual([]);
  });

  it('are refused if nobody has them, with the name that was meant', () => {
    expect(problemsOf([spec('report', 'laod'), spec('load')])).toEqual([
      'expected the name of another spec of this command, or a job in its store, found "laod" (did you mean "load"?)',
    ]);
  });

  it('are refused with the way around if they wait for it in turn', () => {
    const specs = [spec('a', 'b'), spec('b', 'c'), spec('c', 'a')];
    expect(problemsOf(specs)).toEqual([
      'expected jobs that do not wait for one another, found a → b → c → a',
    ]);
    expect(problemsOf([spec('a', 'a')])).toEqual([expect.stringContaining('a → a')]);
  });

  it('are not refused for a cycle that they are only in front of', () => {
    expect(problemsOf([spec('a', 'b'), spec('b', 'c'), spec('c', 'b')])).toEqual([]);
  });

  it('are followed through thousands of specs', () => {
    const specs = Array.from({ length: 5_000 }, (_, i) => spec(`s${i}`, `s${(i + 1) % 5_000}`));
    expect(problemsOf(specs)[0]).toContain('s0 → s1 → s2');
  });
});
