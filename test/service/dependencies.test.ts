import { describe, expect, it } from 'vitest';
import { Dependencies } from '../../src/service/dependencies.js';
import type { DependencyPoint } from '../../src/supervision/job.js';

/** Jobs by name. What is needed is written as `name:point`. */
function jobs() {
  const told: string[] = [];
  const byName = new Map<string, { readonly name: string }>();
  const dependencies = new Dependencies<{ readonly name: string }>({
    onMet: ({ name }) => told.push(`${name} may start`),
    onUnmeetable: ({ name }, reason) => told.push(`${name} fails: ${reason}`),
  });
  const needed = (texts: readonly string[]) =>
    texts.map((text) => {
      const [name = '', on] = text.split(':');
      return { job: byName.get(name) ?? name, on: on as DependencyPoint };
    });
  return {
    told,
    dependencies,
    get: (name: string) => byName.get(name)!,
    cycle: (name: string, ...texts: string[]) => dependencies.cycle(name, needed(texts)),
    add: (name: string, ...texts: string[]) => {
      const list = needed(texts);
      const job = { name };
      byName.set(name, job);
      return dependencies.add(job, name, list);
    },
  };
}

describe('dependencies', () => {
  it('let a job start once each of its points was reached', () => {
    const { add, get, dependencies, told } = jobs();
    expect(add('feed')).toBe(true);
    expect(add('store')).toBe(true);
    expect(add('report', 'feed:ready', 'store:succeeded')).toBe(false);
    dependencies.reach(get('feed'), 'started');
    dependencies.reach(get('feed'), 'ready');
    expect(dependencies.waitsFor(get('report'))).toEqual([{ job: 'store', on: 'succeeded' }]);
    expect(told).toEqual([]);
    dependencies.end(get('store'), { state: 'completed' });
    expect(told).toEqual(['report may start']);
  });

  it('take any end for "completed", and only "completed" for "succeeded"', () => {
    const { add, get, dependencies, told } = jobs();
    add('load');
    add('cleanup', 'load:completed');
    add('publish', 'load:succeeded');
    dependencies.end(get('load'), { state: 'failed', message: 'the disk is full' });
    expect(told).toEqual([
      'cleanup may start',
      'publish fails: It waited for job "load" to complete ("on: succeeded"), which ended first and is failed: the disk is full',
    ]);
  });

  it('count what was reached before a job was added, an end included', () => {
    const { add, get, dependencies, told } = jobs();
    add('feed');
    dependencies.reach(get('feed'), 'started');
    dependencies.end(get('feed'), { state: 'stopped' });
    expect(add('a', 'feed:started', 'feed:completed')).toBe(true);
    expect(add('b', 'feed:ready')).toBe(false);
    expect(told).toEqual([
      'b fails: It waited for job "feed" to get ready ("on: ready"), which ended first and is stopped',
    ]);
  });

  it('wait for a name that no job has yet, and then for the job of that name', () => {
    const { add, get, dependencies, told } = jobs();
    add('late reader', 'feed:started');
    expect(dependencies.waitsFor(get('late reader'))).toEqual([{ job: 'feed', on: 'started' }]);
    add('feed');
    dependencies.reach(get('feed'), 'started');
    expect(told).toEqual(['late reader may start']);
  });

  it('tell of no job that has ended while it waited', () => {
    const { add, get, dependencies, told } = jobs();
    add('a');
    add('b', 'a:started', 'unknown:started');
    dependencies.end(get('b'), { state: 'stopped' });
    dependencies.reach(get('a'), 'started');
    add('unknown');
    dependencies.end(get('unknown'), { state: 'failed' });
    expect(told).toEqual([]);
  });

  it('find the jobs that would wait for one another, and name them in order', () => {
    const { add, cycle } = jobs();
    add('a', 'c:started');
    add('b', 'a:started');
    expect(cycle('c', 'b:completed')).toEqual(['c', 'b', 'a', 'c']);
    expect(cycle('c', 'd:completed')).toBeUndefined();
    expect(cycle('self', 'self:started')).toEqual(['self', 'self']);
  });

  it('see no cycle where a job no longer waits', () => {
    const { add, get, cycle, dependencies } = jobs();
    add('feed');
    add('a', 'feed:started', 'c:started');
    dependencies.end(get('a'), { state: 'stopped' });
    expect(cycle('c', 'a:completed')).toBeUndefined();
  });

  it('follow a long chain without looking at a job twice, and without a deep stack', () => {
    const { add, cycle } = jobs();
    add('job 0', 'last:started');
    for (let i = 1; i < 10_000; i++) add(`job ${i}`, `job ${i - 1}:started`);
    expect(cycle('last', 'job 9999:started')).toHaveLength(10_002);
  });

  it('keep the reason of a long chain short', () => {
    const { add, get, dependencies, told } = jobs();
    add('job 0');
    for (let i = 1; i < 1_000; i++) add(`job ${i}`, `job ${i - 1}:succeeded`);
    let message: string | undefined;
    for (let i = 0; i < 1_000; i++) {
      dependencies.end(get(`job ${i}`), { state: 'failed', message });
      message = told.at(-1);
    }
    expect(told).toHaveLength(999);
    expect(Math.max(...told.map(({ length }) => length))).toBeLessThan(500);
  });
});
