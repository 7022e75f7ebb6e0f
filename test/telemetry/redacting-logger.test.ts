import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/telemetry/logger.js';
import { redactingLogger } from '../../src/telemetry/redacting-logger.js';

const PLANTED = 'Pl4nted-K3y';

function connect() {
  const lines: string[] = [];
  const write = (line: string) => {
    lines.push(line);
  };
  return { lines, log: redactingLogger(pino({ base: null, level: 'debug', timestamp: false }, { write })) };
}

describe('a logger of the user', () => {
  it.each(['debug', 'info', 'warn', 'error'] as const)('is given no credentials: %s', (level) => {
    const { lines, log } = connect();
    const error = Object.assign(
      new TypeError(`https://x.io?apikey=${PLANTED}`, { cause: new Error(`token=${PLANTED}`) }),
      {
        config: { headers: { Authorization: PLANTED } },
      },
    );
    log
      .child({ url: `wss://me:${PLANTED}@x.io` })
      [level]({ err: error, headers: { cookie: PLANTED } }, `token=${PLANTED}`);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain(PLANTED);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      url: 'wss://[redacted]@x.io',
      err: { message: expect.stringContaining('https://x.io?apikey=[redacted]') },
      headers: { cookie: '[redacted]' },
      msg: 'token=[redacted]',
    });
  });

  it('is given everything else as it was', () => {
    const { lines, log } = connect();
    log.child({ job: 'eurusd' }).info({ rows: 3, at: new Date(0), list: [{ a: null }] }, 'late rows');
    expect(JSON.parse(lines[0]!)).toEqual({
      level: 30,
      job: 'eurusd',
      rows: 3,
      at: '1970-01-01T00:00:00.000Z',
      list: [{ a: null }],
      msg: 'late rows',
    });
  });

  it('that writes nothing stays what it is', () => {
    expect(redactingLogger(silentLogger)).toBe(silentLogger);
  });
});
