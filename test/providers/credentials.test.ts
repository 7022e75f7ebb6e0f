import pino from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Schema } from '../../src/columns/schema.js';
import { hideSecrets } from '../../src/core/hide-secrets.js';
import type { SourceFactory } from '../../src/engine/factories.js';
import { ResilienceCoordinator } from '../../src/resilience/resilience-coordinator.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const SCHEMA: Schema = { kind: 'custom', columns: [{ name: 'value', type: 'float64' }] };
const PLANTED = 'Pl4nted-K3y';
const GUARD = { budget: { provider: 'feed' }, breaker: 'feed' };

/** What a client throws, with a key in its message, its cause, its stack and its settings. */
const failed = (more: object) => {
  const text = `GET https://x.io/v2?symbol=A&apiKey=${PLANTED}`;
  return Object.assign(new Error(text, { cause: new Error(`Authorization: Bearer ${PLANTED}`) }), {
    config: { headers: { authorization: PLANTED } },
    ...more,
  });
};

/** Every read fails with the next of the errors; then the data ends. */
async function runFailing(errors: unknown[], source: object) {
  const clock = new SimulatedClock();
  const resilience = new ResilienceCoordinator({
    clock,
    seed: 1,
    providers: { feed: { permits: 100 } },
    breakers: { feed: { failuresInRow: 2, openMs: 1_000, openJitter: 0 } },
  });
  onTestFinished(() => resilience.close());
  const lines: string[] = [];
  const write = (line: string) => {
    lines.push(line);
  };
  let reads = 0;
  const factory: SourceFactory<unknown> = {
    plan: () => SCHEMA,
    create: (_options, { log }) => ({
      schema: SCHEMA,
      capabilities: { delivery: 'replayable', bounded: true },
      read() {
        reads++;
        const err = errors.shift();
        if (err === undefined) return null;
        log.error({ err, headers: { authorization: PLANTED } }, 'read failed');
        throw err;
      },
      stop() {},
      health: () => ({ status: 'degraded', reason: `token=${PLANTED}` }),
      position: () => null,
      resume() {},
    }),
  };
  const pipeline = createPipeline(
    { name: 'failing', source, operators: [] },
    {
      clock,
      resilience,
      source: factory,
      sink: callbackSink(() => {}),
      logger: pino({ level: 'debug' }, { write }),
    },
  );
  await pipeline.build(); // loads code, in no virtual time
  const running = pipeline.run();
  for (let step = 0; step < 40; step++) await clock.advance(250);
  return { report: await running, lines, resilience, reads: () => reads };
}

describe('a 401 behind a breaker', () => {
  it('ends the run at once, by its kind, and counts for nothing', async () => {
    const { report, resilience, reads } = await runFailing([failed({ status: 401 })], GUARD);
    expect(report).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'PROVIDER_AUTHENTICATION',
        retryable: false,
        message: expect.stringMatching(/^Provider "feed" did not accept the credentials \(status 401\)/),
      },
    });
    expect(reads()).toBe(1);
    expect(resilience.breaker('feed')).toMatchObject({ state: 'closed', counts: { failed: 0, ignored: 1 } });
  });
});

describe('a planted key', () => {
  it.each<[string, object, object]>([
    ['a 401', { status: 401 }, GUARD],
    ['a 429', { status: 429 }, GUARD],
    ['an outage', { code: 'ECONNRESET' }, GUARD],
    ['an error of no kind', {}, GUARD],
    ['a 401 of a source that nothing guards', { status: 401 }, {}],
    ['an error of no kind of a source that nothing guards', {}, {}],
  ])('is in no log line and no report after %s', async (_what, more, guard) => {
    const { report, lines } = await runFailing([failed(more)], guard);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('')).toContain('[redacted]');
    expect(lines.join('')).not.toContain(PLANTED);
    expect(JSON.stringify(report)).not.toContain(PLANTED);
  });

  it('that stands in no known place is hidden once it was registered', async () => {
    onTestFinished(hideSecrets(['plain words']));
    const { report, lines } = await runFailing([new Error('so: plain words')], {});
    expect(report.error?.message).toBe('Source "code" failed: so: [redacted]');
    expect(lines.join('')).not.toContain('plain words');
  });

  it.each([[''], ['abc'], [7]])('has to be a text that is worth hiding: %o', (secret) => {
    expect(() => hideSecrets(['long enough', secret as string])).toThrow(/\[1\]: expected a text of 4/);
  });
});

describe('an error of a source that nothing guards', () => {
  it.each([
    [401, 'PROVIDER_AUTHENTICATION', false],
    [404, 'PROVIDER_NOT_FOUND', false],
    [429, 'PROVIDER_THROTTLED', true],
    [503, 'PROVIDER_UNAVAILABLE', true],
  ])('of status %i says by its kind whether a restart may help', async (status, code, retryable) => {
    const { report } = await runFailing([failed({ status, headers: { 'retry-after': '3' } })], {});
    expect(report.error).toMatchObject({ code, retryable, retryAfterMs: 3_000 });
    expect(report.error?.message).toMatch(/^Source "code" /);
  });

  it('of no kind may be helped by a restart', async () => {
    const { report } = await runFailing([new Error('no idea')], {});
    expect(report.error).toMatchObject({ code: 'SOURCE_FAILED', retryable: true });
  });
});
