import { describe, expect, it } from 'vitest';
import { problemsOfDoubles } from '../../src/plan/rows-twice.js';

type Places = Parameters<typeof problemsOfDoubles>[0];

const source = (delivery: string, path: readonly (string | number)[] = ['source']) => ({
  kind: 'source',
  path,
  stage: { use: 'a', stage: { capabilities: { delivery } } },
});
const sink = (
  delivery: string,
  more: object = {},
  path: readonly (string | number)[] = ['sink'],
  branches?: object,
) => ({ kind: 'sink', path, stage: { use: 'b', stage: { capabilities: { delivery }, ...more }, branches } });

/** The paths of the sinks that are refused. Of places, only these fields are looked at. */
const refusedWith = (how: Parameters<typeof problemsOfDoubles>[1], ...places: object[]) =>
  problemsOfDoubles(places as unknown as Places, how).map(({ path }) => path);
const refused = (...places: object[]) => refusedWith({ restarts: 'on-failure', hasStore: false }, ...places);

describe('a run that begins anew without a checkpoint', () => {
  it.each([
    ['appends', sink('append'), [['sink']]],
    ['is transactional, since nothing decides without a store', sink('transactional'), [['sink']]],
    ['is idempotent', sink('idempotent'), []],
    ['replaces what is there', sink('transactional', { startsOver: 'replaces' }), []],
    ['refuses what is there', sink('transactional', { startsOver: 'refuses' }), []],
    ['says of it what means nothing', sink('transactional', { startsOver: true }), [['sink']]],
  ])('may read its source again only if its sink leaves no row twice (one that %s)', (_, last, expected) => {
    expect(refused(source('replayable'), last)).toEqual(expected);
    expect(refused(source('live-only'), last)).toEqual([]);
    expect(refused(source('resumable'), last)).toEqual([]);
  });

  it('counts the recordings among the sources of a source, and not those that an operator looks rows up in', () => {
    const recording = (path: readonly (string | number)[]) => source('replayable', path);
    expect(refused(source('live-only'), recording(['source', 'sources', 1]), sink('append'))).toEqual([
      ['sink'],
    ]);
    expect(refused(source('live-only'), recording(['operators', 0, 'with']), sink('append'))).toEqual([]);
  });

  it('is refused for each branch alone that would have rows twice', () => {
    const branches = [
      sink('append', {}, ['sink'], {}),
      sink('append', {}, ['sink', 'branches', 0]),
      sink('idempotent', {}, ['sink', 'branches', 1]),
    ];
    expect(refused(source('replayable'), ...branches)).toEqual([['sink', 'branches', 0]]);
  });
});

describe('a job that is started again', () => {
  const replays = source('replayable');

  it('has no row twice after a failure if it has a store, whatever its sink', () => {
    expect(refusedWith({ restarts: 'on-failure', hasStore: true }, replays, sink('append'))).toEqual([]);
    expect(refusedWith({ restarts: undefined, hasStore: false }, replays, sink('append'))).toEqual([]);
  });

  it.each([true, false])(
    'also after it has completed, must replace what is there (with a store: %s)',
    (hasStore) => {
      const always = (...places: object[]) => refusedWith({ restarts: 'always', hasStore }, ...places);
      expect(always(replays, sink('append'))).toEqual([['sink']]);
      expect(always(replays, sink('transactional', { startsOver: 'refuses' }))).toEqual([['sink']]);
      expect(always(replays, sink('transactional', { startsOver: 'replaces' }))).toEqual([]);
      expect(always(replays, sink('idempotent'))).toEqual([]);
      expect(always(source('live-only'), sink('append'))).toEqual([]);
    },
  );
});
