import { RuntimeError } from '../../core/errors.js';
import { inspectOutput, type OutputView, type StagedFolder } from '../../outputs/inspect/inspect-output.js';
import { filesText, LIVENESS_TEXT, runText } from '../describe-runs.js';
import { formatBytes, formatCount } from '../figures.js';
import { fittedTable, type TableColumn } from '../fitted-table.js';
import { askedOutputs, type OutputPath, type OutputSettings } from '../output-paths.js';
import { plainText, type Terminal } from '../terminal.js';

export interface PartsOptions extends OutputSettings {
  /** Lists every file, not just totals for each run. */
  readonly all?: boolean;
  readonly json?: boolean;
}

/** Totals over the files of a run that count. */
interface RunSum {
  readonly run: string | undefined;
  readonly epochs: readonly number[];
  readonly files: number;
  readonly bytes: number;
}

/** How many foreign files are named; the rest are only counted. */
const FOREIGN_SHOWN = 10;

/**
 * Lists which files of an output count, which are staged, and which run they belong to. Changes nothing.
 *
 * @returns The exit code.
 */
export async function parts(
  args: readonly string[],
  options: PartsOptions,
  terminal: Terminal,
): Promise<number> {
  const found = await askedOutputs(args, options, terminal);
  if (!found) return 2;
  const { outputs, isWhole } = found;
  let exitCode = isWhole ? 0 : 2;
  const documents: object[] = [];
  for (const output of outputs) {
    try {
      const view = await inspectOutput(output.path);
      if (view.kind === 'missing' && !view.hasState) {
        if (!output.spec) exitCode ||= 1;
        terminal.say(`${plainText(output.path, 300)}: ${nothingThere(output)}\n`);
      }
      if (options.json) documents.push(documentOf(output, view, options));
      else await terminal.print(await format(output, view, options, terminal.tableColumns));
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      terminal.say(`${plainText(error.message)}\n`);
      exitCode ||= 1;
    }
  }
  if (outputs.length === 0 && isWhole) terminal.say('the specs write no files\n');
  if (options.json) await terminal.print(`${JSON.stringify({ outputs: documents }, null, 2)}\n`);
  return exitCode;
}

const nothingThere = ({ spec }: OutputPath): string =>
  spec === undefined
    ? 'expected an output (a directory of parts, a file or a spec), found nothing of that name'
    : `nothing is there yet; ${spec} writes to it`;

function documentOf({ path, spec }: OutputPath, view: OutputView, { all }: PartsOptions): object {
  const { files, runs, staged, replacements, released, foreign, manifest } = view;
  return {
    path,
    ...(spec !== undefined && { spec }),
    kind: view.kind,
    output: view.output,
    state: view.hasState ? view.state : null,
    files: files.length,
    bytes: bytesOf(files),
    counts: sumsOf(view).map((sum) => ({ ...sum, run: sum.run ?? null })),
    ...(all && {
      parts: files.map(({ name, bytes, part }) => ({ name, bytes, ...(part ?? {}) })),
    }),
    staged,
    runs: runs.map(({ number, path: entryPath, entry, liveness }) => ({
      number,
      entry: entryPath,
      liveness,
      ...(entry && {
        run: entry.run,
        job: entry.job,
        mode: entry.mode,
        process: entry.owner.pid,
        host: entry.owner.host,
      }),
    })),
    replacements: replacements.map(({ parts: counts, ...rest }) => ({ ...rest, parts: counts ?? null })),
    released,
    foreign,
    manifest: manifest ?? null,
  };
}

async function format(
  { path }: OutputPath,
  view: OutputView,
  { all }: PartsOptions,
  width: number,
): Promise<string> {
  const { files, foreign, staged, runs, replacements, released, manifest, kind, hasState } = view;
  if (kind === 'missing' && !hasState) return '';
  const sums = sumsOf(view);
  const title = {
    directory: `${formatCount(files.length)} ${files.length === 1 ? 'part' : 'parts'}, ${formatBytes(bytesOf(files))}`,
    file: `one file, ${formatBytes(bytesOf(files))}`,
    missing: 'nothing counts yet',
  }[kind];
  const lines = [`${plainText(path, 300)}: ${title}\n`];
  if (kind === 'directory' && files.length > 0) {
    lines.push(await (all ? filesTable(view, width) : sumsTable(sums, width)));
  }
  if (staged.length > 0)
    lines.push('not complete yet, or not published:\n', await stagedTable(staged, width));
  if (runs.length > 0) lines.push('runs that have not reported their end:\n');
  for (const run of runs) lines.push(`  ${plainText(runText(run), 400)} ${LIVENESS_TEXT[run.liveness]}\n`);
  for (const { run, parts: counts, path: file } of replacements) {
    lines.push(
      counts
        ? `run ${run} had decided to replace ${counts.old} parts with ${counts.new} new ones: the next run at this output completes that\n`
        : `"${plainText(file, 300)}" should list which parts replace which, but cannot be understood: no run starts until it is moved away\n`,
    );
  }
  if (released.length > 0) lines.push('a release began but did not finish: run it again\n');
  if (manifest !== undefined) {
    lines.push(
      `"${plainText(manifest, 300)}" is from an earlier version: only files that it lists count, and no run starts here\n`,
    );
  }
  if (foreign.length > 0) lines.push(foreignText(foreign, all === true));
  return lines.join('');
}

function foreignText(foreign: OutputView['foreign'], all: boolean): string {
  const shown = foreign.slice(0, all ? foreign.length : FOREIGN_SHOWN);
  const more = foreign.length - shown.length;
  const lines = shown.map(({ name, kind, isRead }) => {
    const what = kind === 'file' ? '' : ` (${kind})`;
    return `  ${plainText(name, 300)}${what}${isRead ? ': queries read it as if it counted' : ''}\n`;
  });
  if (more > 0) lines.push(`  … and ${formatCount(more)} more (--all lists them)\n`);
  return `not parts of any run; readers of the whole directory may fail on them:\n${lines.join('')}`;
}

function sumsOf({ files }: OutputView): RunSum[] {
  const byRun = new Map<string | undefined, OutputView['files'][number][]>();
  for (const file of files) byRun.set(file.part?.run, [...(byRun.get(file.part?.run) ?? []), file]);
  return [...byRun].map(([run, own]) => ({
    run,
    epochs: [...new Set(own.flatMap(({ part }) => part?.epoch ?? []))].sort((a, b) => a - b),
    files: own.length,
    bytes: bytesOf(own),
  }));
}

const bytesOf = (files: OutputView['files']): number => files.reduce((all, { bytes }) => all + bytes, 0);

const sumsTable = (sums: readonly RunSum[], width: number): Promise<string> =>
  fittedTable(
    headed('run', 'epochs', 'parts', 'bytes'),
    sums.map(({ run, epochs, files, bytes }) => [
      run!,
      epochs.join(', '),
      formatCount(files),
      formatBytes(bytes),
    ]),
    { width, keys: 1 },
  );

const filesTable = ({ files }: OutputView, width: number): Promise<string> =>
  fittedTable(
    headed('part', 'run', 'epoch', 'sequence', 'bytes'),
    files.map(({ name, bytes, part }) => [
      plainText(name, 300),
      part!.run,
      String(part!.epoch),
      String(part!.sequence),
      formatCount(bytes),
    ]),
    { width, keys: 1 },
  );

const stagedTable = (staged: readonly StagedFolder[], width: number): Promise<string> =>
  fittedTable(
    [
      ...headed('run', 'epoch', 'files'),
      { head: 'whose', isProse: true },
      { head: 'what happens to it', isProse: true },
    ],
    staged.map((folder) => [
      folder.run,
      String(folder.epoch),
      filesText(folder.files, folder.bytes),
      folder.owner === 'ended' ? 'a run that has ended' : `a run that ${LIVENESS_TEXT[folder.owner]}`,
      fate(folder),
    ]),
    { width, keys: 1 },
  );

const headed = (...heads: readonly string[]): TableColumn[] => heads.map((head) => ({ head }));

function fate({ isKept, isFenced, owner }: StagedFolder): string {
  const fenced = isFenced ? 'fenced; ' : '';
  if (isKept) return `${fenced}kept: a checkpoint store may resume it`;
  if (owner === 'live') return `${fenced}its run will publish it`;
  if (owner === 'gone') return `${fenced}removed by the next run`;
  const isUnseen = owner === 'elsewhere' || owner === 'uncertain';
  return isUnseen ? `${fenced}removed once its run is released` : `${fenced}no run needs it`;
}
