import { tmpdir } from 'node:os';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { resolveSpec } from '../../dist/src/index.js';
import { discard, endless, moduleOperator, startRuntime } from './threads-support.js';

const PLANTED = 'Pl4nted-K3y';
const SECRET = 'a plain word';

async function runFailing(process: string) {
  const lines: string[] = [];
  const write = (line: string) => {
    lines.push(line);
  };
  const events: unknown[] = [];
  const runtime = await startRuntime({ logger: pino({ level: 'debug' }, { write }), secrets: [SECRET] });
  runtime.on((event) => events.push(event));
  const job = await runtime.submit({
    name: 'failing',
    source: endless,
    operators: [moduleOperator(process)],
    sink: discard,
  });
  const report = await job.outcome;
  return { report, all: JSON.stringify([report, job.inspect(), runtime.list(), events, lines]), lines };
}

describe('what a job tells', () => {
  it.each([
    ['throws', 'throw Object.assign(new Error(text, { cause: new Error(text) }), { status: 401 })'],
    ['rejects in the dark', 'Promise.reject(new Error(text)); emit(batch)'],
    [
      'logs and fails',
      'context.log.warn({ text, headers: { authorization: text } }, text); throw new Error(text)',
    ],
  ])(
    'has no key and no secret in report, history, events and log when an operator %s',
    async (_what, body) => {
      const text = `'GET https://x.io?apikey=${PLANTED} ${SECRET}'`;
      const { report, all, lines } = await runFailing(`const text = ${text}; ${body}`);
      expect(report.outcome).toBe('failed');
      expect(lines.join('')).toContain('apikey=[redacted]');
      expect(all).not.toContain(PLANTED);
      expect(all).not.toContain(SECRET);
    },
  );
});

describe('the secrets of a spec', () => {
  it.each([
    ['fails', "throw new Error('so: other words')"],
    ['crashes its thread', "Promise.reject(new Error('so: other words')); emit(batch)"],
  ])('are hidden in its thread, and outside of it, when its job %s', async (_what, body) => {
    const runtime = await startRuntime();
    const operator = moduleOperator(body);
    const spec = await resolveSpec(
      {
        name: 'secretive',
        source: endless,
        operators: [operator],
        sink: discard,
      },
      { moduleFolders: [tmpdir()] },
    );
    const operators = spec.operators.map((stage) => ({ ...stage, secrets: ['other words'] }));
    const job = await runtime.submitResolved({ ...spec, operators });
    const report = await job.outcome;
    expect(report.error?.message).toContain('so: [redacted]');
    expect(JSON.stringify([report, job.inspect()])).not.toContain('other words');
  });
});

describe('the secrets of a runtime', () => {
  it('are refused where they are too short to be one', async () => {
    await expect(startRuntime({ secrets: ['abc'] })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });
});
