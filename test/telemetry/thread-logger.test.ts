import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { Counters } from '../../src/shared-memory/counters.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import { takeLogLine, threadLogger } from '../../src/telemetry/thread-logger.js';
import { LOG_LINES_MAX, type LogLine } from '../../src/wire/pipeline-actor.js';

function connect() {
  const { port1, port2 } = new MessageChannel();
  const counters = new Counters();
  const log = threadLogger(port2, counters);
  /** What the main thread would find, without taking it. */
  const next = () => receiveMessageOnPort(port1)?.message as LogLine | undefined;
  return { log, counters, next, close: () => port1.close() };
}

describe("a thread's logger", () => {
  it('posts level, fields and text, those of its parents included', () => {
    const { log, next, close } = connect();
    log.child({ thread: 4 }).child({ stage: 'sink' }).warn({ rows: 3 }, 'late rows');
    expect(next()).toEqual({
      level: 'warn',
      fields: { thread: 4, stage: 'sink', rows: 3 },
      text: 'late rows',
    });
    close();
  });

  it('drops and counts lines while too many are not yet taken, and posts again afterwards', () => {
    const { log, counters, next, close } = connect();
    for (let i = 0; i < LOG_LINES_MAX + 10; i++) log.info({ i }, 'line');
    expect([counters.get('logsPosted'), counters.get('logsDropped')]).toEqual([LOG_LINES_MAX, 10]);
    takeLogLine(next()!, silentLogger, counters);
    log.info({ i: -1 }, 'line');
    log.info({ i: -2 }, 'line');
    expect([counters.get('logsPosted'), counters.get('logsDropped')]).toEqual([LOG_LINES_MAX + 1, 11]);
    close();
  });

  it('keeps the code of an error, which a clone would lose', () => {
    const { log, next, close } = connect();
    log.error({ err: new PipelineError('SINK_FAILED', 'disk full') }, 'sink failed');
    expect(next()?.fields.err).toMatchObject({ code: 'SINK_FAILED', message: 'disk full' });
    close();
  });

  it('tells as text what cannot cross threads, and the rest as it is', () => {
    const { log, next, close } = connect();
    const bare = Object.assign(Object.create(null), { done: () => 1 });
    log.info({ rows: 3, callback: () => 1, bare, kept: { a: [1] } }, 'line');
    expect(next()?.fields).toEqual({
      rows: 3,
      callback: '[Function: callback]',
      bare: expect.stringContaining('done'),
      kept: { a: [1] },
    });
    close();
  });

  it('posts no credentials', () => {
    const { log, next, close } = connect();
    const err = new Error('GET https://x.io?apikey=Pl4nted', { cause: new Error('token=Pl4nted') });
    log.child({ auth: 'Pl4nted' }).warn({ err, headers: { authorization: 'Pl4nted' } }, 'token=Pl4nted');
    const line = next();
    expect(JSON.stringify(line)).not.toContain('Pl4nted');
    expect(line).toMatchObject({ fields: { auth: '[redacted]' }, text: 'token=[redacted]' });
    close();
  });

  it('goes on when the logger of the main thread throws', () => {
    const { log, counters, next, close } = connect();
    log.info({}, 'line');
    const broken: Logger = {
      ...silentLogger,
      info() {
        throw new Error('disk full');
      },
    };
    takeLogLine(next()!, broken, counters);
    expect(counters.get('logsTaken')).toBe(1);
    close();
  });
});
