import { describe, expect, it } from 'vitest';
import { Interrupts } from '../../src/cli/interrupts.js';
import { balanceLine, droppedLine, errorLines, jobDocument, rejectedLine } from '../../src/cli/summary.js';
import { Counters, type CounterValues } from '../../src/shared-memory/counters.js';
import { cutShortReport } from '../../src/wire/cut-short-report.js';

function reportOf(counts: Partial<CounterValues>) {
  const counters = { ...new Counters().read(), ...counts };
  return { id: 'job-1', name: 'x', ...cutShortReport({ outcome: 'stopped', counters, durationMs: 1 }) };
}

describe('the balance', () => {
  it('adds up with what was not delivered', () => {
    expect(balanceLine(reportOf({ rowsIn: 10, rowsOut: 4, rowsFiltered: 3 }))).toBe(
      'x: 10 in + 0 derived = 4 out + 3 filtered + 0 folded + 0 dropped + 0 rejected + 3 not delivered (adds up)\n',
    );
  });

  it('says by how much it does not add up', () => {
    expect(balanceLine(reportOf({ rowsIn: 1, rowsOut: 4 }))).toContain('DOES NOT ADD UP: -3 rows');
  });
});

describe('the line of dropped rows', () => {
  it.each([
    [{ rowsDropped: 12, rowsLate: 12 }, 'x: 12 rows dropped: 12 late\n'],
    [{ rowsDropped: 1, rowsLate: 1 }, 'x: 1 row dropped: 1 late\n'],
    [{ rowsDropped: 1_500, rowsLate: 1_200 }, 'x: 1,500 rows dropped: 1,200 late, 300 other\n'],
    [{ rowsDropped: 3 }, 'x: 3 rows dropped: 3 other\n'],
    [{ rowsLate: 4, rowsRejected: 4 }, ''],
  ])('of %o says how many and for what', (counts, line) => {
    expect(droppedLine(reportOf(counts))).toBe(line);
  });

  it('has one of rejected rows beside it, which says where they are', () => {
    expect(rejectedLine(reportOf({ rowsRejected: 1_200 }), 'out/bad.jsonl')).toBe(
      'x: 1,200 rows rejected, kept in out/bad.jsonl\n',
    );
    expect(rejectedLine(reportOf({ rowsRejected: 1 }), undefined)).toBe('');
    expect(rejectedLine(reportOf({}), 'out/bad.jsonl')).toBe('');
  });

  it('is in the document of the job, too', () => {
    expect(jobDocument(reportOf({ rowsDropped: 12, rowsLate: 12 }))).toMatchObject({
      rowsDropped: 12,
      rowsLate: 12,
      dropped: { late: 12 },
    });
  });
});

describe('an error', () => {
  it('is told with its causes, but for those that it names itself', () => {
    const error = { code: 'SINK_FAILED', message: '"csv" failed: disk full', retryable: true } as const;
    const report = { ...reportOf({}), error: { ...error, causes: ['disk full', 'ENOSPC'] } };
    expect(errorLines(report)).toBe(
      'x stopped: "csv" failed: disk full [SINK_FAILED]\n  caused by: ENOSPC\n',
    );
  });
});

describe('interrupts', () => {
  it('take two signals of one press as one, and a later one as the second', () => {
    const seen: string[] = [];
    let nowMs = 0;
    const handlers = { drain: () => seen.push('drain'), force: () => seen.push('force') };
    const interrupts = new Interrupts(handlers, () => nowMs);
    expect(interrupts.exitCode).toBeUndefined();
    interrupts.notice('SIGINT');
    nowMs = 20;
    interrupts.notice('SIGINT');
    expect(seen).toEqual(['drain']);
    nowMs = 1_000;
    interrupts.notice('SIGTERM');
    expect(seen).toEqual(['drain', 'force']);
    expect(interrupts.exitCode).toBe(130);
  });
});
