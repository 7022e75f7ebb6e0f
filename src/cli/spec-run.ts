import { PipelineError, toWireError } from '../core/errors.js';
import { ownCommand, shellWord } from '../core/own-command.js';
import { cutText } from '../core/shown-text.js';
import { folderOfSpec } from '../documents/document-file.js';
import type { PipelineRuntime } from '../runtime/pipeline-runtime.js';
import { isEndState, type JobHandle, type JobInfo } from '../supervision/job.js';
import type { Logger } from '../telemetry/logger.js';
import { linesOfBegunAnew } from './begun-anew.js';
import { specLevels } from './connected-specs.js';
import { parseDurationMs } from './duration-argument.js';
import type { EndSignal } from './end-process.js';
import { type InterruptSignal, Interrupts } from './interrupts.js';
import { jobsInStore } from './jobs-in-store.js';
import { lineLogger } from './line-logger.js';
import type { LoadedSettings } from './load-settings.js';
import { withoutFailures } from './logger-without-failures.js';
import { Progress } from './progress.js';
import { keepsCheckpoints, labelsOf, type RunOptions, submitOptionsOf, termsOf } from './run-options.js';
import { printFailure, printReports, type ReportedRun } from './run-report.js';
import type { SoundSpec } from './runnable-specs.js';
import { plainText, type Terminal } from './terminal.js';

/** Runs specs, and what goes on in the store, until all have ended, and reports how. */
export class SpecRun {
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
    const { createRuntime } = await import('../runtime/runtime.js');
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
      await printReports(reports, this.#reported);
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

  get #reported(): ReportedRun {
    return { specs: this.#specs, json: this.#options.json, terminal: this.#terminal };
  }

  async #failAll(error: unknown): Promise<number> {
    await printFailure(error, this.#reported);
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
