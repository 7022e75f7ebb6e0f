import { describe, expect, it } from 'vitest';
import { Interrupts } from '../../src/cli/interrupts.js';
import { lineTexts } from '../../src/cli/line-counts.js';
import { balanceLine, errorLines, jobDocument, leftOutLines, summaryTable } from '../../src/cli/summary.js';
import { Counters, type CounterValues } from '../../src/shared-memory/counters.js';
import type { JobReport } from '../../src/supervision/job.js';
import { cutShortReport } from '../../src/wire/cut-short-report.js';
import { leftOutRows } from '../../src/wire/left-out-rows.js';
import type { StageReport } from '../../src/wire/pipeline-report.js';

/** The report of a run that was cut short. */
function reportOf(counts: Partial<CounterValues>): JobReport {
  const counters = { ...new Counters().read(), ...counts };
  return {
    id: 'job-1',
    name: 'x',
    runs: [],
    ...cutShortReport({ outcome: 'stopped', counters, durationMs: 1 }),
  };
}

function withStages(counts: Partial<CounterValues>, stages: readonly StageReport[], letters = 0): JobReport {
  const report = reportOf(counts);
  return { ...report, stages, leftOut: leftOutRows(report.counters, stages, letters) };
}

/** The same of one that ended well. */
const completed = (report: JobReport): JobReport => ({
  ...report,
  outcome: 'completed',
  reason: 'end of input',
});

const stage = (
  id: string,
  kind: StageReport['kind'],
  statistics: Record<string, number>,
  name?: string,
): StageReport => ({
  stage: id,
  kind,
  use: 'null',
  health: { status: 'ok' },
  statistics,
  ...(name !== undefined && { name }),
});

describe('the balance', () => {
  it('adds up with what was not delivered', () => {
    const sink = stage('sink', 'sink', { rowsNotDurable: 0 });
    expect(balanceLine(withStages({ rowsIn: 10, rowsOut: 4, rowsFiltered: 3 }, [sink]))).toBe(
      'x: 10 in + 0 derived = 4 out + 3 filtered + 0 folded + 0 dropped + 0 rejected + 3 not delivered (adds up)\n',
    );
  });

  it('says by how much it does not add up', () => {
    expect(balanceLine(reportOf({ rowsIn: 1, rowsOut: 4 }))).toContain('DOES NOT ADD UP: -3 rows');
  });

  it('of a run that was cut short calls rows out only if they are durable', async () => {
    const counts = { rowsIn: 10, rowsOut: 8 };
    const short = withStages(counts, [stage('sink', 'sink', { rowsNotDurable: 5 })]);
    expect(balanceLine(short)).toContain(' = 3 out + 5 taken by the sink but not durable + 0 filtered');
    expect(balanceLine(completed(short))).toContain(' = 8 out + 0 filtered');
    expect(balanceLine(reportOf(counts))).toContain(
      ' = 8 taken by the sink (it is not known what is durable) +',
    );
    expect(jobDocument(short).rowsNotDurable).toBe(5);
    expect(jobDocument(reportOf(counts)).rowsNotDurable).toBeNull();
    const outOf = async (report: JobReport) =>
      (await summaryTable([report], Number.POSITIVE_INFINITY)).split('\n')[3]?.split('│')[4]?.trim();
    expect(await outOf(short)).toBe('3');
    expect(await outOf(completed(short))).toBe('8');
    expect(await outOf(reportOf(counts))).toBe('-');
  });

  it('says how many rows no branch got', () => {
    const split = stage('sink', 'sink', { rowsUnrouted: 897 });
    const route = stage('sink.routes.a', 'sink', { rowsIn: 103, rowsOut: 103, rowsPending: 0 });
    const report = withStages({ rowsIn: 1_000, rowsOut: 1_000 }, [split, route]);
    expect(balanceLine(completed(report))).toContain(' = 1,000 out (897 of them unrouted) + 0 filtered');
    expect(balanceLine(report)).toContain(' = 1,000 given to branches (897 of them unrouted) + 0 filtered');
    expect(leftOutLines(report, undefined)).toBe(
      'x: 897 rows unrouted: sink passed them to no branch; a split has "otherwise" for them\n',
    );
  });
});

describe('the rows of operators', () => {
  const stages = [
    stage('operators[0]', 'operator', { rowsIn: 9, rowsFiltered: 4, rowsOut: 5 }),
    stage('operators[1]', 'operator', { rowsIn: 5, rowsFolded: 2, rowsOut: 3 }),
    stage('operators[1].operators[0]', 'operator', { rowsIn: 8, rowsFiltered: 8 }),
    stage('operators[2]', 'operator', { rowsIn: 3, rowsFiltered: 1, rowsOut: 2, rowsHeld: 0 }, 'last'),
    stage('sink.branches[0]', 'sink', { rowsIn: 2, rowsFiltered: 2, rowsPending: 0 }),
    stage('sink.branches[0].operators[0]', 'operator', { rowsIn: 2, rowsFiltered: 1, rowsOut: 1 }),
    stage('sink.branches[0].operators[1]', 'operator', { rowsIn: 1, rowsFiltered: 1 }),
  ];
  const report = completed(withStages({ rowsIn: 9, rowsOut: 2, rowsFiltered: 5, rowsFolded: 2 }, stages));

  it('are told where several have a share in a count', () => {
    expect(balanceLine(report)).toContain(
      ' = 2 out + 5 filtered (4 in operators[0], 1 in operators[2]) + 2 folded + 0 dropped',
    );
    expect(lineTexts(report)).toContain(
      '2 filtered (1 in sink.branches[0].operators[0], 1 in sink.branches[0].operators[1])',
    );
  });

  it('are in the document of the job, by id', () => {
    const { operators } = jobDocument(report);
    expect(Object.keys(operators)).toHaveLength(6);
    expect(operators['operators[2]']).toEqual({
      name: 'last',
      rowsIn: 3,
      rowsOut: 2,
      rowsFiltered: 1,
      rowsHeld: 0,
    });
  });
});

describe('the lines of branches and inputs', () => {
  const stages = [
    stage('source', 'source', { eventTimeLagMs: 3 }),
    stage('operators[0].with', 'source', { rowsIn: 7, rowsOut: 2, rowsFiltered: 4, rowsPending: 1 }),
    stage('operators[1].with', 'source', { rowsIn: 7, rowsOut: 2, rowsPending: 5 }),
    stage('sink.branches[0]', 'sink', { rowsIn: 1_500, rowsDerived: 0, rowsOut: 1_500, rowsPending: 0 }),
    stage(
      'sink.branches[1]',
      'sink',
      {
        rowsIn: 9,
        rowsDerived: 2,
        rowsOut: 4,
        rowsFolded: 3,
        rowsConflated: 3,
        rowsPending: 1,
        rowsNotDurable: 3,
      },
      'bars',
    ),
  ];

  it('say what became of the rows of each branch, and of inputs that have left some out', () => {
    expect(lineTexts(completed(withStages({}, stages)))).toBe(
      '  operators[0].with: 7 in = 2 out + 4 filtered + 1 not asked for\n' +
        '  sink.branches[0]: 1,500 in = 1,500 out\n' +
        '  sink.branches[1] (bars): 9 in + 2 derived = 4 out + 3 folded + 3 conflated + 1 not delivered\n',
    );
  });

  it('say what is not durable of a run that was cut short', () => {
    expect(lineTexts(withStages({}, stages))).toContain(
      'sink.branches[1] (bars): 9 in + 2 derived = 1 out + 3 taken by the sink but not durable + 3 folded',
    );
  });

  it('are in the document of the job, by id', () => {
    const { branches, inputs } = jobDocument(withStages({}, stages));
    expect(Object.keys(inputs)).toEqual(['operators[0].with', 'operators[1].with']);
    expect(inputs['operators[0].with']).toEqual({ rowsIn: 7, rowsOut: 2, rowsFiltered: 4, rowsPending: 1 });
    expect(branches['sink.branches[1]']).toMatchObject({ name: 'bars', rowsConflated: 3, rowsNotDurable: 3 });
  });
});

describe('the line of dropped rows', () => {
  it.each([
    [{ rowsDropped: 12, rowsLate: 12 }, 'x: 12 rows dropped: 12 late\n'],
    [{ rowsDropped: 1, rowsLate: 1 }, 'x: 1 row dropped: 1 late\n'],
    [{ rowsDropped: 1_500, rowsLate: 1_200 }, 'x: 1,500 rows dropped: 1,200 late, 300 other\n'],
    [{ rowsDropped: 9, rowsLate: 2, rowsOverflowed: 7 }, 'x: 9 rows dropped: 2 late, 7 overflow\n'],
    [{ rowsDropped: 3 }, 'x: 3 rows dropped: 3 other\n'],
    [{ rowsLate: 4, rowsRejected: 4 }, ''],
  ])('of %o says how many and for what', (counts, line) => {
    expect(leftOutLines(reportOf(counts), undefined)).toBe(line);
  });

  it('counts those of inputs and branches, too, and says where they are', () => {
    const stages = [
      stage('operators[0]', 'operator', { sideRowsLate: 2, sideRowsDropped: 2 }),
      stage('operators[0].with', 'source', { rowsIn: 9, rowsDropped: 4, rowsLate: 4, rowsPending: 0 }),
      stage('sink.branches[0]', 'sink', {
        rowsIn: 9,
        rowsDroppedOldest: 5,
        rowsConflated: 1,
        rowsPending: 0,
      }),
    ];
    const report = withStages({ rowsDropped: 3 }, stages);
    expect(leftOutLines(report, undefined)).toBe(
      'x: 15 rows dropped: 6 late, 6 overflow, 3 other ' +
        '(2 in operators[0], 4 in operators[0].with, 6 in sink.branches[0])\n',
    );
    expect(jobDocument(report)).toMatchObject({ rowsDropped: 3, leftOut: { rowsDropped: 15, rowsLate: 6 } });
  });

  it('has one of rejected rows beside it, which says where they are', () => {
    expect(leftOutLines(reportOf({ rowsRejected: 1_200 }), 'out/bad.jsonl')).toBe(
      'x: 1,200 rows rejected, kept in out/bad.jsonl\n',
    );
    expect(leftOutLines(reportOf({ rowsRejected: 1 }), undefined)).toBe('');
    expect(leftOutLines(reportOf({}), 'out/bad.jsonl')).toBe('');
    const branch = stage('sink.branches[0]', 'sink', { rowsIn: 9, rowsRejected: 2, rowsPending: 0 });
    expect(leftOutLines(withStages({}, [branch], 2), 'out/bad.jsonl')).toBe(
      'x: 2 rows rejected, kept in out/bad.jsonl (2 in sink.branches[0])\n',
    );
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

  it('is told with the stage that it came from, unless its message names it', () => {
    const at = (stage: string, message: string) => {
      const error = { code: 'LATE_ROW', message, retryable: false, stage } as const;
      return errorLines({ ...reportOf({}), error });
    };
    expect(at('operators[1]', 'late')).toBe('x stopped: late [LATE_ROW] in operators[1]\n');
    expect(at('operators[1]', 'operators[1] is late')).toBe('x stopped: operators[1] is late [LATE_ROW]\n');
    expect(at('source', 'late')).toBe('x stopped: late [LATE_ROW]\n');
    const error = { code: 'LATE_ROW', message: 'late', retryable: false, stage: 'sink' } as const;
    expect(jobDocument({ ...reportOf({}), error }).error).toEqual({
      code: 'LATE_ROW',
      message: 'late',
      stage: 'sink',
    });
  });
});

describe('interrupts', () => {
  it('take the end of the terminal for a request to drain', () => {
    const seen: string[] = [];
    const interrupts = new Interrupts({
      settle: (signal) => seen.push(signal),
      force: () => seen.push('force'),
    });
    interrupts.watch();
    process.emit('SIGHUP');
    interrupts.close();
    expect(seen).toEqual(['SIGHUP']);
    expect(interrupts.exitCode).toBe(129);
  });

  it('take two signals of one press as one, and a later one as the second', () => {
    const seen: string[] = [];
    let nowMs = 0;
    const handlers = { settle: () => seen.push('settle'), force: () => seen.push('force') };
    const interrupts = new Interrupts(handlers, () => nowMs);
    expect(interrupts.exitCode).toBeUndefined();
    interrupts.notice('SIGINT');
    nowMs = 20;
    interrupts.notice('SIGINT');
    expect(seen).toEqual(['settle']);
    nowMs = 1_000;
    interrupts.notice('SIGTERM');
    expect(seen).toEqual(['settle', 'force']);
    expect(interrupts.exitCode).toBe(130);
  });
});
