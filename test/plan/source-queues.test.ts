import { describe, expect, it } from 'vitest';
import { InvalidSpecError } from '../../src/core/errors.js';
import type { SourceFactory } from '../../src/engine/factories.js';
import { Catalogue } from '../../src/plan/catalogue.js';
import { explainSpec } from '../../src/plan/explain-spec.js';
import { resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { fingerprintOf } from '../../src/plan/spec-fingerprint.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { askedHere } from '../support/asked-here.js';
import { feedOf, TRADES } from '../support/pipeline-rig.js';

const SOURCE = { use: 'synthetic', kind: 'quote', rows: 4 };

const resolve = (queue: unknown, source: object = SOURCE) =>
  resolveWithFiles(
    { name: 'queued', source: { ...source, queue }, sink: { use: 'null' } },
    { catalogue: new Catalogue(), userCode: askedHere },
  );

async function problemsOf(queue: unknown, source?: object): Promise<readonly string[]> {
  const refusal = await resolve(queue, source).then(
    () => undefined,
    (error: unknown) => error,
  );
  return refusal instanceof InvalidSpecError
    ? refusal.problems.map(({ path, message }) => `${path.join('.')}: ${message}`)
    : [];
}

describe('the queue of a source', () => {
  it('is in the checked spec with its defaults, and not in the fingerprint of a run', async () => {
    const { resolved } = await resolve({ rows: 10 });
    expect(resolved.queue).toEqual({ batches: 1_024, rows: 10, bytes: 33_554_432, overflow: 'block' });
    expect(fingerprintOf(resolved)).toEqual(fingerprintOf((await resolve(undefined)).resolved));
  });

  it('is explained', async () => {
    const { resolved, outputs } = await resolve({ rows: 10 });
    const [source] = (await explainSpec(resolved, outputs)).stages;
    expect(source).toMatchObject({ stage: 'source', queue: { rows: 10, overflow: 'block' } });
  });

  it.each([
    ['conflate', 'source.queue.overflow'],
    [{ quotes: 'drop-oldest' }, 'source.queue.overflow.quotes'],
    ['fail', 'source.queue.overflow'],
  ])('only blocks for a source that can be replayed (%j)', async (overflow, path) => {
    expect(await problemsOf({ overflow })).toEqual([
      expect.stringMatching(new RegExp(`^${path}: expected block, found .*: this source can be replayed`)),
    ]);
  });

  it('may say what becomes of rows of another kind', async () => {
    expect(await problemsOf({ overflow: { trades: 'drop-oldest', quotes: 'block' } })).toEqual([]);
  });

  it('may not speak of rows of other kinds alone', async () => {
    expect(await problemsOf({ overflow: { trades: 'drop-oldest' } })).toEqual([
      'source.queue.overflow: expected a policy for rows of kind quote (quotes), which is what comes here, found trades alone',
    ]);
    expect(await problemsOf({ overflow: { trades: 'block' } })).toEqual([]);
  });

  it('is refused behind a source that is made of others, whose queues are meant', async () => {
    const merge = (...sources: readonly object[]) => ({ use: 'merge', sources });
    const live = { ...SOURCE, rate: 10 };
    const advice =
      'expected no queue behind a source that reads other sources, since only these are read ahead: give it to';
    expect(await problemsOf({ overflow: 'conflate' }, merge(live, live))).toEqual([
      `source.queue: ${advice} sources[0], sources[1]`,
    ]);
    const inner = { ...merge(SOURCE), queue: {} };
    expect(await problemsOf(undefined, merge(SOURCE, inner))).toEqual([
      `source.sources.1.queue: ${advice} sources[0]`,
    ]);
    expect(await problemsOf(undefined, merge({ ...SOURCE, queue: { rows: 10 } }, SOURCE))).toEqual([]);
  });

  it('is refused with unknown kinds of rows and keys', async () => {
    expect(await problemsOf({ overflow: { trade: 'block' } })).toEqual([
      'source.queue.overflow.trade: expected one of quotes, trades, bars, books, custom (did you mean "trades"?)',
    ]);
    expect(await problemsOf({ row: 1 })).toEqual([
      'source.queue.row: there is no such option (did you mean "rows"?)',
    ]);
  });

  it('of a source in code is refused at its start', async () => {
    const feed = feedOf(TRADES, { delivery: 'replayable' });
    const source: SourceFactory<unknown> = { plan: () => TRADES, create: (_, context) => feed.make(context) };
    const pipeline = createPipeline(
      { name: 'queued', source: { queue: { overflow: { trades: 'drop-newest' } } } },
      { source, sink: callbackSink(() => {}) },
    );
    await expect(pipeline.run()).rejects.toMatchObject({
      code: 'SPEC_INVALID',
      message: expect.stringContaining('source.queue.overflow.trades: expected block, found drop-newest'),
    });
  });
});
