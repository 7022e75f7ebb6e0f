import type { ErrorCode } from '../core/errors.js';
import type { CounterValues, DroppedRows } from '../shared-memory/counters.js';
import type { JobReport } from '../supervision/job.js';
import { formatBytes, formatCount, formatMs, formatRate } from './figures.js';
import { plainText } from './terminal.js';

/** A job in the output of `run --json`. */
export interface JobDocument {
  readonly name: string;
  readonly outcome: JobReport['outcome'];
  readonly error: { readonly code: ErrorCode; readonly message: string } | null;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly rowsDropped: number;
  readonly rowsRejected: number;
  readonly batches: number;
  readonly durationMs: number;
  readonly outputs: readonly string[];
  readonly reason: JobReport['reason'];
  readonly rowsFiltered: number;
  readonly rowsFolded: number;
  readonly rowsDerived: number;
  readonly rowsPending: number;
  readonly rowsLate: number;
  readonly dropped: DroppedRows;
}

/** How a job ended, as the summary shows it. */
export interface JobResult {
  readonly report: JobReport;
  /** Ms from submission to the first batch; `undefined` if there was none. */
  readonly firstRowMs: number | undefined;
}

export function jobDocument(report: JobReport): JobDocument {
  const { counters, error } = report;
  return {
    name: report.name,
    outcome: report.outcome,
    error: error ? { code: error.code, message: error.message } : null,
    rowsIn: counters.rowsIn,
    rowsOut: counters.rowsOut,
    rowsDropped: counters.rowsDropped,
    rowsRejected: counters.rowsRejected,
    batches: counters.batches,
    durationMs: Math.round(report.durationMs * 100) / 100,
    outputs: report.outputs,
    reason: report.reason,
    rowsFiltered: counters.rowsFiltered,
    rowsFolded: counters.rowsFolded,
    rowsDerived: counters.rowsDerived,
    rowsPending: report.rowsPending,
    rowsLate: counters.rowsLate,
    dropped: report.dropped,
  };
}

/** The document of a spec that was refused and did not run. */
export function refusedDocument(name: string, problems: readonly string[]): JobDocument {
  return failedDocument(name, 'SPEC_INVALID', problems.join('\n'));
}

export function failedDocument(name: string, code: ErrorCode, message: string): JobDocument {
  return {
    name,
    outcome: 'failed',
    error: { code, message },
    rowsIn: 0,
    rowsOut: 0,
    rowsDropped: 0,
    rowsRejected: 0,
    batches: 0,
    durationMs: 0,
    outputs: [],
    reason: 'error',
    rowsFiltered: 0,
    rowsFolded: 0,
    rowsDerived: 0,
    rowsPending: 0,
    rowsLate: 0,
    dropped: { late: 0 },
  };
}

const MAYBE_EMPTY = ['rowsFiltered', 'rowsFolded', 'rowsDerived', 'rowsDropped', 'rowsRejected'] as const;

/** The jobs as a table. A count that is 0 for all jobs gets no column. */
export async function summaryTable(results: readonly JobResult[]): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const counts = MAYBE_EMPTY.filter((name) => results.some(({ report }) => report.counters[name] > 0));
  const head = [
    'job',
    'outcome',
    'rows in',
    'rows out',
    ...counts.map((name) => name.slice(4).toLowerCase()),
  ];
  head.push('rows/s', 'duration', 'first row', 'read', 'written');
  const table = new Table({
    head,
    colAligns: head.map((_, i) => (i < 2 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  for (const { report, firstRowMs } of results) {
    const { counters, durationMs } = report;
    table.push([
      report.name,
      report.reason === 'drained' ? `${report.outcome} (drained)` : report.outcome,
      formatCount(counters.rowsIn),
      formatCount(counters.rowsOut),
      ...counts.map((name) => formatCount(counters[name])),
      formatRate((counters.rowsIn * 1_000) / durationMs),
      formatMs(durationMs),
      firstRowMs === undefined ? '-' : formatMs(firstRowMs),
      formatBytes(counters.bytesIn),
      formatBytes(counters.bytesOut),
    ]);
  }
  return `${table.toString()}\n`;
}

/** Rows in against rows out, and whether both sides are equal. */
export function balanceLine({ name, counters, rowsPending }: JobReport): string {
  const left = counters.rowsIn + counters.rowsDerived;
  // A negative number means that more rows came out than went in, so it is not a count of pending rows.
  const difference = left - rightSide(counters) - Math.max(0, rowsPending);
  const verdict =
    difference === 0 ? 'adds up' : `DOES NOT ADD UP: ${formatCount(difference)} rows unaccounted for`;
  const parts = [
    `${formatCount(counters.rowsOut)} out`,
    `${formatCount(counters.rowsFiltered)} filtered`,
    `${formatCount(counters.rowsFolded)} folded`,
    `${formatCount(counters.rowsDropped)} dropped`,
    `${formatCount(counters.rowsRejected)} rejected`,
    ...(rowsPending > 0 ? [`${formatCount(rowsPending)} not delivered`] : []),
  ];
  const given = `${formatCount(counters.rowsIn)} in + ${formatCount(counters.rowsDerived)} derived`;
  return `${name}: ${given} = ${parts.join(' + ')} (${verdict})\n`;
}

const rightSide = (counters: CounterValues): number =>
  counters.rowsOut +
  counters.rowsFiltered +
  counters.rowsFolded +
  counters.rowsDropped +
  counters.rowsRejected;

/** Why rows were dropped; empty if none were. */
export function droppedLine({ name, counters, dropped }: JobReport): string {
  const { rowsDropped } = counters;
  if (rowsDropped === 0) return '';
  const reasons = Object.entries(dropped)
    .filter(([, rows]) => rows > 0)
    .map(([reason, rows]) => `${formatCount(rows)} ${reason}`);
  return `${name}: ${formatCount(rowsDropped)} ${rowsDropped === 1 ? 'row' : 'rows'} dropped: ${reasons.join(', ')}\n`;
}

/** Where rejected rows are kept; empty if there are none, or if the first one stopped the job. */
export function rejectedLine({ name, counters }: JobReport, deadLetters: string | undefined): string {
  const { rowsRejected } = counters;
  if (rowsRejected === 0 || deadLetters === undefined) return '';
  const rows = `${formatCount(rowsRejected)} ${rowsRejected === 1 ? 'row' : 'rows'}`;
  return `${name}: ${rows} rejected, kept in ${plainText(deadLetters, 300)}\n`;
}

const OUTPUTS_SHOWN = 5;

/** Files that a job wrote; only the first ones if there are many. */
export function outputLines({ name, outputs }: JobReport): string {
  const shown = outputs.slice(0, OUTPUTS_SHOWN).map((path) => `  ${plainText(path, 300)}\n`);
  const more = outputs.length - shown.length;
  if (more > 0) shown.push(`  … and ${formatCount(more)} more\n`);
  return shown.length === 0 ? '' : `${name} wrote\n${shown.join('')}`;
}

export function errorLines({ name, outcome, error }: JobReport): string {
  if (!error) return '';
  let told = error.message;
  const causes: string[] = [];
  for (const cause of error.causes ?? []) {
    // The message of an error may already contain its cause.
    if (!told.includes(cause)) causes.push(`  caused by: ${plainText(cause)}\n`);
    told = cause;
  }
  return `${name} ${outcome}: ${plainText(error.message)} [${error.code}]\n${causes.join('')}`;
}
