import type { ErrorCode, WireError } from '../core/errors.js';
import type { CounterValues, DroppedRows } from '../shared-memory/counters.js';
import type { JobReport } from '../supervision/job.js';
import { droppedIn, isLine } from '../wire/left-out-rows.js';
import type { LeftOutRows } from '../wire/pipeline-report.js';
import { formatBytes, formatCount, formatMs, formatRate } from './figures.js';
import { fittedTable } from './fitted-table.js';
import {
  branchesOf,
  hasBranches,
  hasEndedWell,
  inputsOf,
  type LineDocument,
  lineDocuments,
  operatorsOf,
  sharesText,
  type TakenRows,
  takenParts,
  whereText,
} from './line-counts.js';
import { type Problems, problemLines } from './problem-lines.js';
import { plainText } from './terminal.js';

/** A job in the output of `run --json`. */
export interface JobDocument {
  readonly name: string;
  readonly outcome: JobReport['outcome'];
  /** `stage`: the id of the stage that failed, if one did. */
  readonly error: Pick<WireError, 'code' | 'message' | 'stage'> | null;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly rowsDropped: number;
  readonly rowsRejected: number;
  readonly batches: number;
  readonly durationMs: number;
  readonly outputs: readonly string[];
  readonly reason: JobReport['reason'];
  /** Of `bounded` and `sliced`: which bound it was. */
  readonly bound?: JobReport['bound'];
  readonly rowsFiltered: number;
  readonly rowsFolded: number;
  readonly rowsDerived: number;
  readonly rowsPending: number;
  readonly rowsLate: number;
  readonly dropped: DroppedRows;
  /** Rows that the sink took and did not make durable; `null` if that is not known, or if branches say it. */
  readonly rowsNotDurable: number | null;
  /** What all stages left out: those of inputs and branches, too. */
  readonly leftOut: LeftOutRows;
  /** The rows of each branch by what became of them, by its id. */
  readonly branches: Readonly<Record<string, LineDocument>>;
  /** The same of each input. */
  readonly inputs: Readonly<Record<string, LineDocument>>;
  /** The same of each operator, those of inputs and branches included. */
  readonly operators: Readonly<Record<string, LineDocument>>;
  /** The last 20 runs of the job, oldest first. The counts are those of the last one. */
  readonly runs: JobReport['runs'];
}

export function jobDocument(report: JobReport): JobDocument {
  const { counters, error } = report;
  return {
    name: report.name,
    outcome: report.outcome,
    error: error ? errorDocument(error) : null,
    rowsIn: counters.rowsIn,
    rowsOut: counters.rowsOut,
    rowsDropped: counters.rowsDropped,
    rowsRejected: counters.rowsRejected,
    batches: counters.batches,
    durationMs: Math.round(report.durationMs * 100) / 100,
    outputs: report.outputs,
    reason: report.reason,
    ...(report.bound && { bound: report.bound }),
    rowsFiltered: counters.rowsFiltered,
    rowsFolded: counters.rowsFolded,
    rowsDerived: counters.rowsDerived,
    rowsPending: report.rowsPending,
    rowsLate: counters.rowsLate,
    dropped: report.dropped,
    rowsNotDurable: sinkOf(report)?.statistics.rowsNotDurable ?? null,
    leftOut: report.leftOut,
    branches: lineDocuments(branchesOf(report)),
    inputs: lineDocuments(inputsOf(report)),
    operators: lineDocuments(operatorsOf(report)),
    runs: report.runs,
  };
}

const errorDocument = ({ code, message, stage }: WireError): JobDocument['error'] => ({
  code,
  message,
  ...(stage !== undefined && { stage }),
});

/** The document of a spec that was refused and did not run. */
export function refusedDocument(name: string, found: Problems): JobDocument {
  return failedDocument(name, 'SPEC_INVALID', problemLines([found]).join('\n'));
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
    rowsNotDurable: 0,
    leftOut: { rowsDropped: 0, dropped: { late: 0 }, rowsRejected: 0, rowsLate: 0, rowsUnrouted: 0 },
    branches: {},
    inputs: {},
    operators: {},
    runs: [],
  };
}

const MAYBE_EMPTY = ['rowsFiltered', 'rowsFolded', 'rowsDerived', 'rowsDropped', 'rowsRejected'] as const;

/**
 * The jobs as a table. A count that is 0 for all jobs gets no column.
 *
 * @param width - Columns of the terminal.
 */
export async function summaryTable(reports: readonly JobReport[], width: number): Promise<string> {
  const counts = MAYBE_EMPTY.filter((name) => reports.some(({ counters }) => counters[name] > 0));
  const head = [
    'job',
    'outcome',
    'rows in',
    'rows out',
    ...counts.map((name) => name.slice(4).toLowerCase()),
  ];
  const isRestarted = reports.some((report) => runsOf(report) > 1);
  if (isRestarted) head.push('runs');
  head.push('rows/s', 'duration', 'first row', 'read', 'written');
  const columns = head.map((name, i) => ({ head: name, isRight: i >= 2 }));
  const rows = reports.map((report) => {
    const { counters, durationMs, firstBatchMs } = report;
    return [
      report.name,
      SHOWN_REASONS.has(report.reason) ? `${report.outcome} (${report.reason})` : report.outcome,
      formatCount(counters.rowsIn),
      rowsOutText(report),
      ...counts.map((name) => formatCount(counters[name])),
      ...(isRestarted ? [formatCount(runsOf(report))] : []),
      formatRate((counters.rowsIn * 1_000) / durationMs),
      formatMs(durationMs),
      firstBatchMs === undefined ? '-' : formatMs(firstBatchMs),
      formatBytes(counters.bytesIn),
      formatBytes(counters.bytesOut),
    ];
  });
  return fittedTable(columns, rows, { width, keys: 1 });
}

const runsOf = ({ runs }: JobReport): number => runs.at(-1)?.attempt ?? 0;

/** Rows in against rows out, and whether both sides are equal. */
export function balanceLine(report: JobReport): string {
  const { name, counters, rowsPending } = report;
  const left = counters.rowsIn + counters.rowsDerived;
  // A negative number means that more rows came out than went in, so it is not a count of pending rows.
  const difference = left - rightSide(counters) - Math.max(0, rowsPending);
  const verdict =
    difference === 0 ? 'adds up' : `DOES NOT ADD UP: ${formatCount(difference)} rows unaccounted for`;
  const parts = [
    ...takenParts(takenRows(report), hasEndedWell(report)),
    `${formatCount(counters.rowsFiltered)} filtered${sharesText(report, 'rowsFiltered')}`,
    `${formatCount(counters.rowsFolded)} folded${sharesText(report, 'rowsFolded')}`,
    `${formatCount(counters.rowsDropped)} dropped`,
    `${formatCount(counters.rowsRejected)} rejected`,
    ...(rowsPending > 0 ? [`${formatCount(rowsPending)} not delivered`] : []),
  ];
  const derived = `${formatCount(counters.rowsDerived)} derived${sharesText(report, 'rowsDerived')}`;
  const given = `${formatCount(counters.rowsIn)} in + ${derived}`;
  return `${name}: ${given} = ${parts.join(' + ')} (${verdict})\n`;
}

/** Rows that are out for good; unknown if the run was cut short before the sink, or its branches, had said so. */
function rowsOutText(report: JobReport): string {
  const { rows, notDurable, hasBranches } = takenRows(report);
  if (hasEndedWell(report) || rows === 0) return formatCount(rows);
  return hasBranches || notDurable === undefined ? '-' : formatCount(rows - notDurable);
}

function takenRows(report: JobReport): TakenRows {
  const { rowsNotDurable: notDurable, rowsUnrouted: unrouted } = sinkOf(report)?.statistics ?? {};
  const { rowsOut: rows } = report.counters;
  return { rows, notDurable, unrouted, hasBranches: hasBranches(report, 'sink') };
}

const sinkOf = ({ stages }: JobReport) => stages.find(({ stage }) => stage === 'sink');

const rightSide = (counters: CounterValues): number =>
  counters.rowsOut +
  counters.rowsFiltered +
  counters.rowsFolded +
  counters.rowsDropped +
  counters.rowsRejected;

/** What a run left out, in all of its stages: a line for each kind of such rows, or nothing. */
export function leftOutLines(report: JobReport, deadLetters: string | undefined): string {
  return droppedLine(report) + unroutedLine(report) + rejectedLine(report, deadLetters);
}

/** Why rows were dropped. */
function droppedLine(report: JobReport): string {
  const { rowsDropped, dropped } = report.leftOut;
  if (rowsDropped === 0) return '';
  const reasons = Object.entries(dropped)
    .filter(([, rows]) => rows > 0)
    .map(([reason, rows]) => `${formatCount(rows)} ${reason}`);
  const where = whereText(report, (rows) => {
    const { late, overflow = 0, other = 0 } = droppedIn(rows);
    return late + overflow + other;
  });
  return `${report.name}: ${rowsText(rowsDropped)} dropped: ${reasons.join(', ')}${where}\n`;
}

function unroutedLine({ name, leftOut, stages }: JobReport): string {
  const { rowsUnrouted } = leftOut;
  if (rowsUnrouted === 0) return '';
  const of = stages.filter(({ statistics }) => (statistics.rowsUnrouted ?? 0) > 0).map(({ stage }) => stage);
  const none = `${of.join(', ')} passed them to no branch; a split has "otherwise" for them`;
  return `${name}: ${rowsText(rowsUnrouted)} unrouted: ${none}\n`;
}

/** Where rejected rows are kept; nothing if the first one stopped the job. */
function rejectedLine(report: JobReport, deadLetters: string | undefined): string {
  const { rowsRejected } = report.leftOut;
  if (rowsRejected === 0 || deadLetters === undefined) return '';
  const where = whereText(report, (rows) => (isLine(rows) ? (rows.rowsRejected ?? 0) : 0));
  return `${report.name}: ${rowsText(rowsRejected)} rejected, kept in ${plainText(deadLetters, 300)}${where}\n`;
}

const rowsText = (rows: number): string => `${formatCount(rows)} ${rows === 1 ? 'row' : 'rows'}`;

const OUTPUTS_SHOWN = 5;

/** Files that a job wrote; only the first ones if there are many. */
export function outputLines({ name, outputs }: JobReport): string {
  const shown = outputs.slice(0, OUTPUTS_SHOWN).map((path) => `  ${plainText(path, 300)}\n`);
  const more = outputs.length - shown.length;
  if (more > 0) shown.push(`  … and ${formatCount(more)} more\n`);
  return shown.length === 0 ? '' : `${name} wrote\n${shown.join('')}`;
}

/** How a job goes on of whose run nothing is left for slices. */
export function nothingLeftLine({ name, reason }: JobReport): string {
  if (reason !== 'nothing left') return '';
  return `${name}: its run has completed, so there is nothing left for slices, also if its input has grown. A start without a slice begins a new run, and so does another name\n`;
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
  const where = stageText(error);
  return `${name} ${outcome}: ${plainText(error.message)} [${error.code}]${where}\n${causes.join('')}`;
}

/** Where it was, unless the message has told. Of the source and the sink of a job there is one each. */
function stageText({ stage, message }: WireError): string {
  const isTold = stage === undefined || stage === 'source' || stage === 'sink' || message.includes(stage);
  return isTold ? '' : ` in ${stage}`;
}

const SHOWN_REASONS: ReadonlySet<string> = new Set(['drained', 'bounded', 'sliced', 'nothing left']);
