import { toWireError } from '../core/errors.js';
import { ownCommand, shellWord } from '../core/own-command.js';
import type { JobReport } from '../supervision/job.js';
import { lineTexts } from './line-counts.js';
import type { SoundSpec } from './runnable-specs.js';
import {
  balanceLine,
  failedDocument,
  type JobDocument,
  jobDocument,
  leftOutLines,
  nothingLeftLine,
  outputLines,
  summaryTable,
} from './summary.js';
import { plainText, type Terminal } from './terminal.js';

/** What was run, and where its end is told. */
export interface ReportedRun {
  readonly specs: readonly SoundSpec[];
  /** As one JSON document. */
  readonly json: boolean | undefined;
  readonly terminal: Terminal;
}

/** Prints how the jobs have ended. */
export async function printReports(
  reports: readonly JobReport[],
  { specs, json, terminal }: ReportedRun,
): Promise<void> {
  const leftOut = reports
    .map((report) => leftOutLines(report, specOf(report, specs)?.resolved.deadLetter?.path))
    .join('');
  if (leftOut !== '') terminal.say(leftOut);
  if (json) {
    await printDocument(reports.map(jobDocument), terminal);
    return;
  }
  const lines = [
    ...reports.map((report) => balanceLine(report) + lineTexts(report)),
    ...reports.map(outputLines),
  ];
  const table = await summaryTable(reports, terminal.tableColumns);
  lines.push(...reports.map(nothingLeftLine));
  await terminal.print(`${table}${lines.join('')}`);
  await terminal.print(hint(reports, specs));
}

/** Prints why none of the jobs could be run. */
export async function printFailure(error: unknown, { specs, json, terminal }: ReportedRun): Promise<void> {
  const { code, message } = toWireError(error);
  terminal.say(`${plainText(message)} [${code}]\n`);
  if (!json) return;
  await printDocument(
    specs.map(({ name }) => failedDocument(name, code, message)),
    terminal,
  );
}

/** Prints the document of `--json`. */
export async function printDocument(jobs: readonly JobDocument[], terminal: Terminal): Promise<void> {
  await terminal.print(`${JSON.stringify({ jobs })}\n`);
}

/** A hint on how to view the files that were written. */
function hint(reports: readonly JobReport[], specs: readonly SoundSpec[]): string {
  const paths = reports.flatMap((report) => {
    const { path } = (specOf(report, specs)?.resolved.sink.options ?? {}) as { readonly path?: unknown };
    return typeof path === 'string' && report.outputs.length > 0 ? [shellWord(path)] : [];
  });
  return paths.length === 0 ? '' : `Look into them: ${ownCommand()} show ${paths.join(' ')}\n`;
}

const specOf = ({ name }: JobReport, specs: readonly SoundSpec[]): SoundSpec | undefined =>
  specs.find((spec) => spec.name === name);
