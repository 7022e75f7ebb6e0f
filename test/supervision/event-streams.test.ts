import { describe, expect, it } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import type { MissedEvents, RuntimeEvent } from '../../src/supervision/job.js';
import { until } from './fake-threads.js';
import { crash, onFailure, reportOf, specOf, startSupervisor } from './job-fixtures.js';

type Told = RuntimeEvent | MissedEvents;

/** Reads a stream to its end. */
async function all<Event>(stream: AsyncIterable<Event>): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

const textOf = (event: Told): string => {
  if (event.type === 'job.state') return `${event.name} ${event.state}`;
  return event.type === 'events.missed' ? `missed ${event.count}` : event.type;
};

/** A supervisor that runs jobs to their end, one after another. */
function startRuns() {
  const rig = startSupervisor();
  const { supervisor, threads } = rig;
  const run = async (name: string) => {
    const job = supervisor.submit(specOf(name));
    threads.last.answer();
    await until(() => job.inspect().state === 'running');
    threads.last.finish(reportOf('completed'));
    await job.outcome;
    return job;
  };
  return { ...rig, run };
}

const RUN = ['queued', 'starting', 'running', 'completed'];

describe('a stream of events', () => {
  it('has all that listeners are told, from the call on, though it is read later', async () => {
    const { supervisor, run, events } = startRuns();
    await run('before');
    const before = events.length;
    const stream = supervisor.events();
    await run('a');
    supervisor.endEvents();
    expect(await all(stream)).toEqual(events.slice(before));
    expect(events.slice(before).map(textOf)).toEqual([...RUN.map((state) => `a ${state}`), 'job.ended']);
  });

  it('gives each transition with its cause', async () => {
    const { supervisor, threads, clock } = startSupervisor();
    const stream = supervisor.events();
    const job = supervisor.submit(specOf('a'), undefined, { restart: { ...onFailure, maxRestarts: 1 } });
    for (let run = 0; run < 2; run++) {
      threads.last.answer();
      await until(() => job.inspect().state === 'running');
      threads.last.lose(crash);
      await until(() => job.inspect().state !== 'running');
      clock.advance(5_000);
    }
    await job.outcome;
    supervisor.endEvents();
    const told = await all(stream);
    expect(told).toContainEqual(expect.objectContaining({ state: 'backingOff', reason: 'boom' }));
    expect(told).toContainEqual(expect.objectContaining({ state: 'dead', reason: expect.any(String) }));
    expect(told.at(-1)).toMatchObject({
      type: 'job.ended',
      report: { error: { message: expect.stringContaining('boom') } },
    });
  });

  it('is whole for each of several readers, however slow one of them is', async () => {
    const { supervisor, run } = startRuns();
    const [quick, slow] = [supervisor.events(), supervisor.events()];
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of quick) seen.push(textOf(event));
    })();
    await run('a');
    await turnOfTheLoop();
    expect(seen).toHaveLength(5);
    await run('b');
    supervisor.endEvents();
    await reading;
    expect((await all(slow)).map(textOf)).toEqual(seen);
    expect(seen).toHaveLength(10);
  });

  it('tells a reader that is too slow how many events it has missed, in their place', async () => {
    const { supervisor, run, events } = startRuns();
    const stream = supervisor.events({ capacity: 3 });
    await run('a');
    await run('b');
    const first = await stream.next();
    expect(first.value).toEqual({ type: 'events.missed', count: 7 });
    supervisor.endEvents();
    expect(await all(stream)).toEqual(events.slice(7));
  });

  it('wakes a reader that waits, and ends with its signal', async () => {
    const { supervisor, run } = startRuns();
    const stopping = new AbortController();
    const stream = supervisor.events({ signal: stopping.signal });
    const next = stream.next();
    await run('a');
    expect(textOf((await next).value as Told)).toBe('a queued');
    stopping.abort();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    const waiting = supervisor.events({ signal: stopping.signal }).next();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('is not disturbed by a loop that is left', async () => {
    const { supervisor, run } = startRuns();
    const stream = supervisor.events();
    await run('a');
    for await (const _ of stream) break;
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await run('b');
  });

  it('ends at once if nothing happens any more', async () => {
    const { supervisor } = startRuns();
    supervisor.endEvents();
    expect(await all(supervisor.events())).toEqual([]);
  });

  it.each([0, 1.5, 100_001, '8'])('refuses to keep %s events', (capacity) => {
    const { supervisor } = startRuns();
    const options = { capacity: capacity as number };
    expect(() => supervisor.events(options)).toThrow(/events.*capacity: expected 1 to 100,000 events/s);
  });
});

describe('a stream of events of a job', () => {
  it('has those of this job alone, and ends behind its end', async () => {
    const { supervisor, threads, run } = startRuns();
    const job = supervisor.submit(specOf('a'));
    const stream = job.events();
    threads.last.answer();
    await until(() => job.inspect().state === 'running');
    const ended = threads.last;
    await run('b');
    ended.finish(reportOf('completed'));
    expect((await all(stream)).map(textOf)).toEqual(['a running', 'a completed', 'job.ended']);
  });

  it('misses nothing for the many events of others', async () => {
    const { supervisor, threads, run } = startRuns();
    const job = supervisor.submit(specOf('a'));
    const { last } = threads;
    const stream = job.events({ capacity: 3 });
    for (let i = 0; i < 10; i++) await run(`other-${i}`);
    last.answer();
    await until(() => job.inspect().state === 'running');
    last.finish(reportOf('completed'));
    await job.outcome;
    expect((await all(stream)).map(textOf)).toEqual(['a running', 'a completed', 'job.ended']);
  });

  it('is over for a job that has ended', async () => {
    const { run } = startRuns();
    const job = await run('a');
    expect(await all(job.events())).toEqual([]);
  });
});
