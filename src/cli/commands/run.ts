import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  formatProblem,
  InvalidOptionsError,
  PipelineError,
  RuntimeError,
  type SpecProblem,
  toWireError,
  type WireError,
} from '../../core/errors.js';
import { ownCommand, shellWord } from '../../core/own-command.js';
import { cutText } from '../../core/shown-text.js';
import { folderOfSpec } from '../../documents/document-file.js';
import { problemOfNoStore } from '../../plan/exactly-once.js';
import { problemOfSlicedTopic } from '../../plan/sliced-topics.js';
import type { PipelineRuntime } from '../../runtime/runtime.js';
import type { SubmitOptions } from '../../service/submit-options.js';
import type { JobRecord } from '../../store/job-store.js';
import { readStore } from '../../store/read-store.js';
import { LOG_NAME } from '../../store/record-log.js';
import { type IsolationWishes, problemOfIsolation } from '../../supervision/isolation-of.js';
import { isEndState, type JobHandle, type JobInfo, type JobReport } from '../../supervision/job.js';
import type { Logger } from '../../telemetry/logger.js';
import { linesOfBegunAnew } from '../begun-anew.js';
import { specLevels } from '../connected-specs.js';
import { parseDurationMs } from '../duration-argument.js';
import type { EndSignal } from '../end-process.js';
import { type InterruptSignal, Interrupts } from '../interrupts.js';
import { lineTexts } from '../line-counts.js';
import { lineLogger } from '../line-logger.js';
import { type LoadedSettings, loadSettings } from '../load-settings.js';
import { type CheckedSpec, loadSpecs } from '../load-specs.js';
import { problemLines, sayRefusal } from '../problem-lines.js';
import { Progress } from '../progress.js';
import { dependencyProblems } from '../spec-dependencies.js';
import {
  balanceLine,
  failedDocument,
  type JobDocument,
  jobDocument,
  leftOutLines,
  nothingLeftLine,
  outputLines,
  refusedDocument,
  summaryTable,
} from '../summary.js';
import { keepStdoutClean, plainText, type Terminal } from '../terminal.js';

export interface RunOptions {
  readonly set: readonly string[];
  /** Each job is drained after this time: a text such as `10s`. */
  readonly duration?: string;
  /** Each job is drained after so many rows of its source. */
  readonly maxRows?: number;
  /** An instant at which all jobs are drained. */
  readonly until?: string;
  /** Each job ends with a checkpoint after so many rows, or so much time; the next run of the command goes on. */
  readonly sliceRows?: number;
  readonly sliceDuration?: string;
  /** What each job runs in; goes before its spec. */
  readonly isolation?: 'thread' | 'process';
  /** What each job is submitted with, before what its spec says. */
  readonly priority?: number;
  readonly tenant?: string;
  readonly group?: string;
  /** Texts `name=text`. */
  readonly label?: readonly string[];
  readonly json?: boolean;
  /** How many pipelines run at the same time. */
  readonly threads?: number;
  readonly logLevel: string;
  /** Path of a file with the settings of the runtime. */
  readonly settings?: string;
  /** When jobs are started again; goes before the file. */
  readonly restart?: 'never' | 'on-failure' | 'always';
  /** Folder of the checkpoints; goes before the file. */
  readonly checkpoints?: string;
  /** Folder of the store of jobs; goes before the file. */
  readonly store?: string;
  /** Modules whose components specs can use, beside those of the file. */
  readonly components?: readonly string[];
}

/**
 * Runs specs side by side until all have ended.
 *
 * @returns The exit code, or the signal to end the process by: a thread is in a call that does not return, and any other
 *   end would wait for it.
 */
export async function run(
  files: readonly string[],
  options: RunOptions,
  terminal: Terminal,
): Promise<number | EndSignal> {
  if (options.json) keepStdoutClean();
  let settings: LoadedSettings | undefined;
  let specs: CheckedSpec[];
  try {
    settings = await loadSettings(options.settings, options);
    specs = await loadSpecs(files, options.set, settings);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    sayRefusal(error, terminal);
    if (options.json) await printDocument([], terminal);
    settings?.resilience?.close();
    return 2;
  }
  const wrong = wrongBounds(options);
  if (wrong !== undefined) {
    terminal.say(`${wrong}\n`);
    settings.resilience?.close();
    return 2;
  }
  const hasStore = keepsCheckpoints(options, settings);
  if (!hasStore) specs = specs.map(withoutStore);
  const isSliced = options.sliceRows !== undefined || options.sliceDuration !== undefined;
  if (isSliced && !hasStore) {
    terminal.say(
      'error: a slice needs --checkpoints FOLDER or --store FOLDER, from which the next one goes on\n',
    );
    settings.resilience?.close();
    return 2;
  }
  if (isSliced) specs = specs.map(withoutTopics);
  const { runtime: defaults } = settings;
  specs = specs.map((spec) => inPossibleHost(spec, { submitted: options, defaults }));
  specs = await withoutLostWaits(specs, options, settings);
  const refused = specs.filter((spec) => 'problems' in spec);
  if (refused.length > 0) {
    settings.resilience?.close();
    sayProblems(refused, terminal);
    if (options.json) {
      await printDocument(
        refused.map((spec) => refusedDocument(spec.name, spec)),
        terminal,
      );
    }
    return 2;
  }
  const sound = specs.filter((spec) => 'resolved' in spec);
  return new Run(sound, options, settings, terminal).execute();
}

/**
 * Goes on with what is in a store, until all of it has ended.
 *
 * @returns The exit code.
 */
export async function resume(
  options: Omit<RunOptions, 'set' | 'checkpoints' | 'restart'>,
  terminal: Terminal,
): Promise<number | EndSignal> {
  if (options.json) keepStdoutClean();
  try {
    const settings = await loadSettings(options.settings, options);
    const folder = options.store ?? settings.runtime.store;
    if (folder === undefined) {
      throw new InvalidOptionsError('resume', ['expected --store, or "store" in the file of --settings']);
    }
    if (typeof folder === 'string' && !existsSync(folder)) {
      throw new InvalidOptionsError('--store', [`there is no folder ${folder}`]);
    }
    return await new Run([], { ...options, set: [] }, settings, terminal).execute();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    sayRefusal(error, terminal);
    if (options.json) await printDocument([], terminal);
    return 2;
  }
}

/** What is wrong with the bounds, if anything is. */
function wrongBounds({ duration, maxRows, until, sliceRows, sliceDuration }: RunOptions): string | undefined {
  if (until !== undefined && Date.parse(until) <= Date.now()) {
    return `error: --until: expected an instant to come, found ${until}`;
  }
  if (sliceRows === undefined && sliceDuration === undefined) return undefined;
  if (sliceRows !== undefined && sliceDuration !== undefined) {
    return 'error: expected one of --slice-rows and --slice-duration, found both';
  }
  const isBounded = duration !== undefined || maxRows !== undefined || until !== undefined;
  return isBounded ? 'error: expected no --duration, --max-rows or --until beside a slice' : undefined;
}

/** @param isConsumer - Of a topic of another spec: it ends after that one. */
function submitOptionsOf(
  { duration, maxRows, until, sliceRows, sliceDuration, isolation }: RunOptions,
  isConsumer: boolean,
): SubmitOptions {
  const isSlice = sliceRows !== undefined || sliceDuration !== undefined;
  return {
    ...(duration !== undefined && !isConsumer && { maxDuration: duration }),
    ...(maxRows !== undefined && { maxRows }),
    ...(until !== undefined && !isConsumer && { until }),
    ...(isSlice && { slice: { rows: sliceRows, duration: sliceDuration } }),
    ...(isolation && { isolation }),
  };
}

/** What of a submit is the same for all jobs, but for their labels. */
const termsOf = ({ priority, tenant, group }: RunOptions): SubmitOptions => ({
  ...(priority !== undefined && { priority }),
  ...(tenant !== undefined && { tenant }),
  ...(group !== undefined && { group }),
});

/** Labels of the command go before those of the spec, name by name. */
function labelsOf({ label }: RunOptions, { resolved }: SoundSpec): Pick<SubmitOptions, 'labels'> {
  if (!label) return {};
  const own = label.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]);
  return { labels: { ...resolved.job?.labels, ...Object.fromEntries(own) } };
}

/** A store has the checkpoints of its jobs in it. */
const keepsCheckpoints = ({ store, checkpoints }: RunOptions, { runtime }: LoadedSettings): boolean =>
  (store ?? runtime.store ?? checkpoints ?? runtime.checkpoints) !== undefined;

/** Refuses a spec that nothing can run as it asks without a checkpoint store. */
function withoutStore(spec: CheckedSpec): CheckedSpec {
  if (!('resolved' in spec) || spec.resolved.delivery !== 'exactly-once') return spec;
  return refusedWith(spec, problemOfNoStore());
}

/** Refuses a spec that cannot be run in slices. */
function withoutTopics(spec: CheckedSpec): CheckedSpec {
  const problem = 'resolved' in spec ? problemOfSlicedTopic(spec.resolved) : undefined;
  return problem ? refusedWith(spec, problem) : spec;
}

/** Refuses a spec that cannot run in what was said. */
export function inPossibleHost(spec: CheckedSpec, wishes: IsolationWishes): CheckedSpec {
  const problem = 'resolved' in spec ? problemOfIsolation(spec.resolved, wishes) : undefined;
  return problem ? refusedWith(spec, problem) : spec;
}

/**
 * Refuses a spec whose job would wait for one that does not come, or for one that waits for it. What other specs wait
 * for is known only if all of them can run.
 */
async function withoutLostWaits(
  specs: CheckedSpec[],
  options: RunOptions,
  settings: LoadedSettings,
): Promise<CheckedSpec[]> {
  const sound = specs.filter((spec) => 'resolved' in spec);
  const waits = sound.map(({ name, resolved }) => ({ name, dependsOn: resolved.job?.dependsOn ?? [] }));
  if (sound.length < specs.length || waits.every(({ dependsOn }) => dependsOn.length === 0)) return specs;
  let jobs: readonly JobRecord[];
  try {
    jobs = await jobsInStore(options, settings);
  } catch {
    return specs; // the runtime says what is wrong with the store
  }
  const stored = new Set(jobs.flatMap(({ id, name }) => [id, name]));
  return sound.map((spec, i) => {
    const [problem] = dependencyProblems(waits[i]!, waits, stored);
    return problem ? refusedWith(spec, problem) : spec;
  });
}

/** The jobs in the store of the command, as they are now. */
async function jobsInStore(
  { store: given }: RunOptions,
  { runtime: { store } }: LoadedSettings,
): Promise<readonly JobRecord[]> {
  const folder = given ?? (store && 'path' in store ? store.path : undefined);
  if (folder === undefined || !existsSync(join(folder, LOG_NAME))) return [];
  return (await readStore(folder)).jobs;
}

const refusedWith = ({ file, name }: CheckedSpec, problem: SpecProblem): CheckedSpec => ({
  file,
  name,
  problems: [`${file}: ${formatProblem(problem)}`],
  problemsLeftOut: 0,
});

/** Prints problems, one per line. */
export function sayProblems(specs: readonly CheckedSpec[], terminal: Terminal): void {
  const refused = specs.filter((spec) => 'problems' in spec);
  for (const line of problemLines(refused)) terminal.say(`${plainText(line)}\n`);
}

type SoundSpec = Extract<CheckedSpec, { readonly resolved: unknown }>;

class Run {
  readonly #specs: readonly SoundSpec[];
  readonly #options: RunOptions;
  readonly #settings: LoadedSettings;
  readonly #terminal: Terminal;
  readonly #handles: JobHandle[] = [];
  readonly #interrupts: Interrupts;
  #progress: Progress | undefined;
  #runtime: PipelineRuntime | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  /** Of an interrupt, with a store. */
  #closing: Promise<void> | undefined;
  #tellEnd: () => void = () => {};
  /** Resolves when all was asked to end, and has. */
  readonly #end = new Promise<void>((resolve) => {
    this.#tellEnd = resolve;
  });

  constructor(
    specs: readonly SoundSpec[],
    options: RunOptions,
    settings: LoadedSettings,
    terminal: Terminal,
  ) {
    this.#specs = specs;
    this.#options = options;
    this.#settings = settings;
    this.#terminal = terminal;
    this.#interrupts = new Interrupts({
      settle: (signal) => this.#settle(signal),
      force: (signal) => this.#force(signal),
    });
  }

  async execute(): Promise<number | EndSignal> {
    const { threads, restart, checkpoints, store } = this.#options;
    const { runtime: settings, resilience } = this.#settings;
    const { createRuntime } = await import('../../runtime/runtime.js');
    let runtime: PipelineRuntime;
    const begunAtMs = Date.now();
    try {
      await this.#assertNamesFree();
      await this.#sayBegunAnew();
      runtime = await createRuntime({
        ...settings,
        ...(resilience && { resilience }),
        logger: this.#logger(),
        ...(threads !== undefined && { maxThreads: threads }),
        ...(restart !== undefined && { restart: { ...settings.restart, policy: restart } }),
        ...(checkpoints !== undefined && { checkpoints: { ...settings.checkpoints, path: checkpoints } }),
        ...(store !== undefined && { store: { path: store } }),
      });
    } catch (error) {
      resilience?.close();
      return this.#failAll(error);
    }
    const progress = new Progress({ terminal: this.#terminal, list: () => runtime.list() });
    this.#progress = progress;
    this.#runtime = runtime;
    runtime.on((event) => progress.tell(event));
    this.#interrupts.watch();
    let code: number;
    try {
      // Consumers of topics first, so that no row comes before they are known.
      const resumed = resumedJobs(runtime, begunAtMs);
      this.#handles.push(...resumed);
      const taken = this.#specs.find(({ name }) => resumed.some((job) => job.name === name));
      if (taken) return await this.#failAll(this.#takenError(taken.name));
      const levels = this.#levels();
      for (const [level, specs] of [...levels.entries()].toReversed()) {
        const common = { ...termsOf(this.#options), ...submitOptionsOf(this.#options, level > 0) };
        for (const spec of specs) {
          const { resolved, written, file } = spec;
          const terms = { written, specFolder: folderOfSpec(file) };
          const options = { ...common, ...labelsOf(this.#options, spec) };
          const handle = await this.#submitted(runtime.submitChecked(resolved, terms, options));
          if (handle) this.#handles.push(handle);
        }
      }
      if (this.#handles.length + runtime.schedules().length === 0)
        this.#terminal.say('There is nothing in the store that should run\n');
      // An interrupt may have come before any job was submitted.
      if (this.#interrupts.exitCode !== undefined) this.#suspend();
      progress.start();
      if (this.#specs.length === 0) this.#drainLater();
      if (levels.length > 1) void this.#endWithProducers(levels[0]!.map(({ name }) => name));
      const ofSpecs = this.#specs.flatMap(({ name }) => this.#handles.find((job) => job.name === name) ?? []);
      const left = this.#specs.filter(({ name }) => !ofSpecs.some((job) => job.name === name));
      if (left.length > 0) {
        const names = left.map(({ name }) => cutText(name, 100)).join(', ');
        progress.note(`${plainText(`Not submitted, as an interrupt came before: ${names}`, 2_000)}\n`);
      }
      const reports = await Promise.all([...ofSpecs, ...resumed].map(({ outcome }) => outcome));
      if (runtime.schedules().length > 0 && this.#interrupts.exitCode === undefined) {
        progress.note('The schedules of the store go on; Ctrl-C ends them\n');
        await this.#end;
      }
      progress.stop();
      await this.#report(reports);
      const isWhole = reports.every(({ outcome }) => outcome === 'completed');
      code = this.#interrupts.exitCode ?? (isWhole ? 0 : 1);
    } finally {
      clearTimeout(this.#drainTimer);
      progress.stop();
      await (this.#closing ?? runtime.close({ deadlineMs: 0 }));
      resilience?.close();
      this.#interrupts.close();
    }
    const { blocked } = runtime.threadsLeft;
    return blocked > 0 ? this.#endBlocked(blocked) : code;
  }

  /**
   * Looks into the store before anything in it goes on.
   *
   * @throws {PipelineError} `JOB_NAME_TAKEN` if it has a job that goes on under the name of a spec; as `readStore`.
   */
  async #assertNamesFree(): Promise<void> {
    if (this.#specs.length === 0) return;
    const jobs = await jobsInStore(this.#options, this.#settings);
    const goesOn = jobs.filter(({ state, wish }) => !isEndState(state) && wish !== 'stop');
    const taken = this.#specs.find(({ name }) => goesOn.some((job) => job.name === name));
    if (taken) throw this.#takenError(taken.name);
  }

  /** A slice says at its end that nothing is left. */
  async #sayBegunAnew(): Promise<void> {
    const { sliceRows, sliceDuration } = this.#options;
    if (sliceRows !== undefined || sliceDuration !== undefined) return;
    const names = this.#specs.map(({ name }) => name);
    const lines = await linesOfBegunAnew(names, this.#options, this.#settings);
    if (lines !== '') this.#terminal.say(lines);
  }

  #takenError(name: string): PipelineError {
    const { store, settings } = this.#options;
    const from =
      store !== undefined ? ` --store ${shellWord(store)}` : ` --settings ${shellWord(settings ?? '')}`;
    const message =
      `Job "${cutText(name, 100)}" is in the store, and goes on with what it was submitted with: ` +
      `use "${ownCommand()} resume${from}", or give this spec a different name`;
    return new PipelineError('JOB_NAME_TAKEN', message);
  }

  /** What was resumed has the bounds of its submit; the duration of the command is that of all. */
  #drainLater(): void {
    const ms = parseDurationMs(this.#options.duration ?? '');
    if (ms === undefined) return;
    this.#drainTimer = setTimeout(() => {
      void this.#endLevels('drain').then(() => {
        this.#suspend(); // what its schedules have submitted meanwhile
      });
    }, ms);
  }

  #endBlocked(threads: number): EndSignal {
    const signal = this.#interrupts.signal ?? 'SIGKILL';
    const which =
      threads === 1
        ? '1 thread is in a call that does not return'
        : `${threads} threads are in calls that do not return`;
    this.#terminal.say(`${which}: the process ends itself by ${signal}\n`);
    return signal;
  }

  async #report(reports: readonly JobReport[]): Promise<void> {
    const leftOut = reports
      .map((report) => leftOutLines(report, this.#specOf(report)?.resolved.deadLetter?.path))
      .join('');
    if (leftOut !== '') this.#terminal.say(leftOut);
    if (this.#options.json) {
      await printDocument(reports.map(jobDocument), this.#terminal);
      return;
    }
    const lines = [
      ...reports.map((report) => balanceLine(report) + lineTexts(report)),
      ...reports.map(outputLines),
    ];
    const table = await summaryTable(reports, this.#terminal.tableColumns);
    lines.push(...reports.map(nothingLeftLine));
    await this.#terminal.print(`${table}${lines.join('')}`);
    await this.#terminal.print(this.#hint(reports));
  }

  /** A hint on how to view the files that were written. */
  #hint(reports: readonly JobReport[]): string {
    const paths = reports.flatMap((report) => {
      const { path } = (this.#specOf(report)?.resolved.sink.options ?? {}) as { readonly path?: unknown };
      return typeof path === 'string' && report.outputs.length > 0 ? [shellWord(path)] : [];
    });
    return paths.length === 0 ? '' : `Look into them: ${ownCommand()} show ${paths.join(' ')}\n`;
  }

  #specOf({ name }: JobReport): SoundSpec | undefined {
    return this.#specs.find((spec) => spec.name === name);
  }

  async #failAll(error: unknown): Promise<number> {
    const { code, message } = toWireError(error);
    this.#terminal.say(`${plainText(message)} [${code}]\n`);
    if (this.#options.json) {
      await printDocument(
        this.#specs.map(({ name }) => failedDocument(name, code, message)),
        this.#terminal,
      );
    }
    return 1;
  }

  #settle(signal: InterruptSignal): void {
    const what = this.#keepsCheckpoints ? 'taking the last checkpoints' : 'draining what was read';
    this.#progress?.note(`${signal}: ${what}; send it again to stop at once\n`);
    this.#suspend();
  }

  /** With a store, the wish of the user stays: the next start goes on with all jobs. */
  #suspend(): void {
    if (this.#hasStore) {
      this.#closing ??= this.#runtime?.close();
      void this.#closing?.then(this.#tellEnd);
    } else void this.#endLevels('suspend');
  }

  /** `undefined` if an interrupt has closed the runtime meanwhile. */
  async #submitted(submit: Promise<JobHandle>): Promise<JobHandle | undefined> {
    try {
      return await submit;
    } catch (error) {
      if (this.#interrupts.exitCode === undefined || toWireError(error).code !== 'RUNTIME_CLOSED')
        throw error;
      return undefined;
    }
  }

  get #hasStore(): boolean {
    return (this.#options.store ?? this.#settings.runtime.store) !== undefined;
  }

  get #keepsCheckpoints(): boolean {
    return keepsCheckpoints(this.#options, this.#settings);
  }

  #force(signal: InterruptSignal): void {
    const what = this.#keepsCheckpoints
      ? 'the next run goes on from the last checkpoints'
      : 'what is not durable is lost';
    this.#progress?.note(`${signal}: stopping at once; ${what}\n`);
    if (this.#hasStore) void this.#runtime?.close({ deadlineMs: 0 });
    else for (const handle of this.#handles) void handle.stop();
  }

  /** Those that read topics have no bound of time: they are drained once all producers have come to theirs. */
  async #endWithProducers(producers: readonly string[]): Promise<void> {
    const reports = await Promise.all(
      this.#handles.filter(({ name }) => producers.includes(name)).map(({ outcome }) => outcome),
    );
    const isTimeOver = reports.some(({ bound }) => bound === 'duration' || bound === 'until');
    if (isTimeOver) await this.#endLevels('drain');
  }

  /** Ends the producers of topics before their consumers, which read on to their end. */
  async #endLevels(how: 'drain' | 'suspend'): Promise<void> {
    for (const level of this.#levels()) {
      const names = new Set(level.map(({ name }) => name));
      const handles = this.#handles.filter(({ name }) => names.has(name));
      await Promise.allSettled(handles.map((handle) => handle[how]())); // a store that fails is told
    }
    await Promise.allSettled(this.#handles.map((handle) => handle[how]())); // those of an earlier process
  }

  #levels(): SoundSpec[][] {
    const byName = new Map(this.#specs.map((spec) => [spec.name, spec]));
    const levels = specLevels(this.#specs.map(({ resolved }) => resolved));
    return levels.map((level) => level.flatMap(({ name }) => byName.get(name) ?? []));
  }

  #logger(): Logger {
    const write = (line: string) => (this.#progress ? this.#progress.note(line) : this.#terminal.say(line));
    return withoutFailures(lineLogger(this.#options.logLevel, write));
  }
}

/** What an earlier process has left in the store: what goes on, and what has ended with that process, stops aside. */
function resumedJobs(runtime: PipelineRuntime, begunAtMs: number): JobHandle[] {
  const isOfNow = ({ state, history }: JobInfo) =>
    !isEndState(state) || (state !== 'stopped' && (history.at(-1)?.atMs ?? 0) >= begunAtMs);
  return runtime.list().flatMap((job) => (isOfNow(job) ? [runtime.get(job.id)] : []));
}

/** Logs the supervisor's lines for runs and jobs that failed or are stuck at `debug`, since they are reported anyway. */
function withoutFailures(log: Logger): Logger {
  return {
    debug: (fields, text) => log.debug(fields, text),
    info: (fields, text) => log.info(fields, text),
    warn: (fields, text) => (isTold(fields) ? log.debug(fields, text) : log.warn(fields, text)),
    error: (fields, text) => (isTold(fields) ? log.debug(fields, text) : log.error(fields, text)),
    child: (bindings) => log.child(bindings),
  };
}

const isTold = (fields: object): boolean =>
  ('state' in fields && ['failed', 'dead', 'backingOff'].includes(String(fields.state))) ||
  ('error' in fields && ENDS_OF_RUNS.has((fields.error as Partial<WireError> | undefined)?.code ?? ''));
/** What the watchdog ends runs for: told as why they end. */
const ENDS_OF_RUNS: ReadonlySet<string> = new Set(['THREAD_STUCK', 'JOB_STALLED']);

async function printDocument(jobs: readonly JobDocument[], terminal: Terminal): Promise<void> {
  await terminal.print(`${JSON.stringify({ jobs })}\n`);
}
