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

  it('writes no credentials', () => {
    const written: string[] = [];
    const console = jobConsole('eurusd', { write: (text) => written.push(text) });
    console.log({ headers: { authorization: 'Bearer Pl4nted' } });
    expect(written.join('')).toBe("[eurusd] { headers: { authorization: '[redacted]' } }\n");
  });
});
