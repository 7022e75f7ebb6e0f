import { describe, expect, it } from 'vitest';
import { jobConsole } from '../../src/telemetry/job-console.js';

describe("a job's console", () => {
  it('puts the name of the job before every line, whatever method wrote it', () => {
    const written: string[] = [];
    const console = jobConsole('eurusd', { write: (text) => written.push(text) });
    console.log('rows', 3, { a: 1 });
    console.error('two\nlines');
    console.warn('');
    expect(written.join('')).toBe('[eurusd] rows 3 { a: 1 }\n[eurusd] two\n[eurusd] lines\n[eurusd] \n');
  });

  it('leaves out what comes faster than it is taken, says so once, and goes on after that', () => {
    const written: string[] = [];
    const target = { write: (text: string) => written.push(text), writableLength: 0 };
    const console = jobConsole('eurusd', target);
    target.writableLength = 65_536;
    for (let i = 0; i < 1_000; i++) console.log('flood');
    target.writableLength = 100;
    console.log('after');
    expect(written).toEqual([
      '[eurusd] … more is printed than can be shown: lines are left out\n',
      '[eurusd] after\n',
    ]);
  });

  it('writes no credentials', () => {
    const written: string[] = [];
    const console = jobConsole('eurusd', { write: (text) => written.push(text) });
    console.log({ headers: { authorization: 'Bearer Pl4nted' } });
    expect(written.join('')).toBe("[eurusd] { headers: { authorization: '[redacted]' } }\n");
  });
});
