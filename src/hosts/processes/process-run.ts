import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import { PipelineError } from '../../core/errors.js';
import { redact } from '../../core/redact.js';
import type { ResilienceServer } from '../../resilience/remote/resilience-server.js';
import { type Counters, openCounters } from '../../shared-memory/counters.js';
import { openThreadWatch, type ThreadWatch } from '../../shared-memory/thread-watch.js';
import { FrameReader, frame } from '../../wire/frames.js';
import {
  LOG_LINES_MAX,
  type PipelineOutcome,
  type PipelineTask,
  type ThreadNotice,
} from '../../wire/pipeline-actor.js';
import {
  type FromProcess,
  type FromWatch,
  type ProcessTask,
  TALK_FD,
  type ToActor,
  type ToWatch,
  WATCH_FD,
} from '../../wire/process-messages.js';
import { stagesOf } from '../../wire/stages-of-spec.js';
import type { ThreadRun } from '../threads.js';
import { ControlBridge } from './control-bridge.js';
import { lossOf, type ProcessEnd, type ProcessLimits, startLossOf } from './loss-of.js';
import { MirroredMemory } from './mirrored-memory.js';
import { Pace } from './pace.js';
import { readPrinted, showPrinted } from './printed-lines.js';
import type { ProcessLostError } from './process-lost-error.js';
import { readTalk, readWatch, TALK_BYTES_MAX, WATCH_BYTES_MAX } from './read-message.js';

/** The last lines of standard error that are kept for the reason of an end. */
const LAST_LINES = 12;
const LAST_LINE_CHARS_MAX = 400;
/** In the last words of V8, far more lines than say anything. */
const NATIVE_FRAME = /^\s*\d+: 0x|^-----|^<---/;
const SECOND_HELLO = 'Expected a message of a process of tickloom, found a second one that asks for its task';
/** How long what a process has said may take to be read once it has gone: what it started may hold its pipes open. */
const LAST_WORDS_MS = 250;
/**
 * What is read of a pipe in one period, in bytes, and what a value counts for beside those: 20 MB in a second, or
 * about a million values. A process that sends more waits.
 */
const TALK_PER_PERIOD = 4 << 20;
const WATCH_PER_PERIOD = 256 << 10;
const COST_OF_VALUE = 20;
const COST_OF_MESSAGE = 2_000;

export interface ProcessRunParts {
  readonly task: PipelineTask;
  readonly command: readonly string[];
  readonly limits: ProcessLimits;
  /** Where a task that needs budgets and breakers gets them from. */
  readonly resilience?: Promise<ResilienceServer | undefined> | undefined;
}

/** A task in a process of its own. What it does to its memory is copied to that of the task. */
export class ProcessRun implements ThreadRun {
  readonly outcome: Promise<PipelineOutcome>;
  readonly #parts: ProcessRunParts;
  readonly #counters: Counters;
  readonly #memory: MirroredMemory;
  readonly #control: ControlBridge;
  readonly #lastLines: string[] = [];
  #child: ChildProcess | undefined;
  #result: PipelineOutcome | undefined;
  #fault: ProcessEnd['fault'];
  #rssBytes: number | undefined;
  #misspoke: Error | undefined;
  /** Takes what the process says of budgets. */
  #budgets: ((message: unknown) => void) | undefined;
  #endBudgets = () => {};
  #isOver = false;
  #cameUp = false;
  #wasEnded = false;
  /** Log lines that were handed on, and how many of them the process has posted. */
  #lines = 0;
  #ownLines = 0;
  #told: ToWatch = { mayRunUntilNs: 0n, logsTaken: 0 };

  constructor(parts: ProcessRunParts) {
    const { task } = parts;
    this.#parts = parts;
    this.#counters = openCounters(task.counters);
    const watch = openThreadWatch(task.watch);
    this.#memory = new MirroredMemory(this.#counters, watch);
    this.#control = new ControlBridge(task.control, (message) => this.#tell(message));
    this.outcome = this.#run(watch).finally(() => {
      this.#isOver = true;
      this.#control.close();
      this.#endBudgets();
    });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  end(): void {
    this.#wasEnded = true;
    this.#kill();
  }

  tellMayRunUntil(): void {
    this.#tellWatch();
  }

  async #run(watch: ThreadWatch): Promise<PipelineOutcome> {
    const { command, limits } = this.#parts;
    const [program, ...words] = command;
    const child = await started(program!, words, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      // Signals of a terminal are for the supervisor, which asks; and what the pipeline starts ends with it.
      detached: true,
      windowsHide: true,
    });
    this.#child = child;
    if (process.platform === 'linux') watch.systemId = child.pid ?? 0; // that of its main thread
    if (this.#wasEnded) this.#kill();
    const { code, signal } = await this.#ended(child);
    if (this.#result) return this.#result;
    throw lossOf({
      code,
      signal,
      wasEnded: this.#wasEnded,
      cameUp: this.#cameUp,
      fault: this.#fault,
      rssBytes: this.#rssBytes,
      misspoke: this.#misspoke,
      lastLines: this.#lastLines,
      limits,
    });
  }

  /** Resolves when the process is gone, and what it had said was read. */
  #ended(
    child: ChildProcess,
  ): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    const stdio = child.stdio as unknown as readonly (Readable | Duplex | null)[];
    const pipes = stdio.filter((pipe) => pipe !== null);
    const endLines = [1, 2].map((fd) => this.#print(fd, stdio[fd] as Readable));
    const talk = new FrameReader(TALK_BYTES_MAX);
    const watch = new FrameReader(WATCH_BYTES_MAX);
    const paces = [
      this.#listen(stdio[TALK_FD] as Duplex, talk, TALK_PER_PERIOD, (data) => {
        const { message, values } = readTalk(data);
        this.#take(message);
        return values;
      }),
      this.#listen(stdio[WATCH_FD] as Duplex, watch, WATCH_PER_PERIOD, (data) => {
        const { message, values } = readWatch(data);
        this.#takeWatched(message);
        return values;
      }),
    ];
    return new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#killGroup(child); // what the pipeline has started
        for (const pace of paces) pace.lift();
        const settle = () => {
          clearTimeout(timer);
          for (const pipe of pipes) pipe.destroy();
          for (const end of endLines) end();
          resolve({ code, signal });
        };
        const timer = setTimeout(settle, LAST_WORDS_MS);
        child.once('close', settle);
      });
    });
  }

  /** @param take - Gives how many values were in a message. */
  #listen(pipe: Duplex, reader: FrameReader, perPeriod: number, take: (message: unknown) => number): Pace {
    const pace = new Pace(pipe, perPeriod);
    pipe.on('error', () => {}); // the end of the process says more
    pipe.on('data', (chunk: Buffer) => {
      if (this.#misspoke) return;
      pace.spend(chunk.length);
      try {
        for (const message of reader.read(chunk)) pace.spend(COST_OF_MESSAGE + COST_OF_VALUE * take(message));
      } catch (error) {
        this.#misspoke = error as Error;
        this.#kill();
      }
    });
    return pace;
  }

  #take(message: FromProcess): void {
    if (this.#result) return; // it has said its last word
    if (message.for === 'budgets') {
      this.#budgets?.(message.message);
      return;
    }
    switch (message.type) {
      case 'hello':
        // It has got its task, and its code can say anything since.
        if (this.#cameUp) throw new PipelineError('INTERNAL', SECOND_HELLO);
        this.#cameUp = true;
        this.#memory.begin(message.nowNs);
        void this.#begin();
        return;
      case 'notice':
        this.#hand(message.notice);
        return;
      case 'answer':
        this.#memory.take(message.mirror);
        this.#control.answer(message.id, message.value);
        return;
      case 'refusal':
        this.#control.refuse(message.id, message.message);
        return;
      case 'outcome':
        this.#memory.take(message.mirror);
        this.#result = message.outcome;
        this.#kill(); // all is durable; and a thread that is not used again is ended, too
        return;
      case 'fault':
        this.#fault = message;
    }
  }

  #takeWatched(message: FromWatch): void {
    if (message.type === 'memory') this.#rssBytes = message.rssBytes;
    else if (!this.#result) {
      this.#memory.take(message.mirror);
      this.#tellWatch();
    }
  }

  async #begin(): Promise<void> {
    const { task: whole } = this.#parts;
    const server = this.#parts.resilience && (await this.#parts.resilience);
    if (this.#isOver) return;
    const { counters: _, watch: _w, syncs: _s, control: _c, logs: _l, resilience: _r, ...own } = whole;
    const resilience = server?.handle();
    const task: ProcessTask = { ...own, ...(resilience && { resilience }) };
    this.#tell({ type: 'task', task, mayRunUntilNs: this.#memory.mayRunUntilNs });
    if (server && resilience) {
      this.#endBudgets = server.serve(resilience.owner, {
        post: (message) => write(this.#child, TALK_FD, { for: 'budgets', message }),
        onMessage: (take) => {
          this.#budgets = take;
        },
      });
    }
    this.#control.open();
  }

  /** Hands on what the actor posts to its supervisor. */
  #hand(notice: ThreadNotice): void {
    if (typeof notice === 'object' && 'level' in notice) {
      if (this.#linesLeft() >= 2 * LOG_LINES_MAX) {
        this.#memory.dropLine();
        return;
      }
      this.#lines++;
      this.#ownLines++;
    }
    this.#parts.task.logs.postMessage(notice);
  }

  #linesLeft(): number {
    return this.#lines - this.#counters.get('logsTaken');
  }

  #print(fd: number, stream: Readable): () => void {
    const { task } = this.#parts;
    const isShown = isPrintedBySink(task, fd);
    const prefix = `[${task.spec.name}] `; // of the console of a job; the log has it as a field
    const name = fd === 1 ? 'stdout' : 'stderr';
    const textOf = (line: string) => (line.startsWith(prefix) ? line.slice(prefix.length) : line);
    if (isShown) {
      const output = fd === 1 ? process.stdout : process.stderr;
      return showPrinted(stream, output, fd === 2 ? (line) => this.#remember(textOf(line)) : undefined);
    }
    return readPrinted(stream, (line) => {
      const text = textOf(line);
      if (fd === 2) this.#remember(text);
      if (this.#linesLeft() >= LOG_LINES_MAX) {
        this.#memory.dropLine();
        return;
      }
      this.#lines++;
      task.logs.postMessage({
        level: 'info',
        fields: { process: this.pid, stream: name },
        text: redact(text),
      } satisfies ThreadNotice);
    });
  }

  #remember(line: string): void {
    if (NATIVE_FRAME.test(line)) return; // the log has them
    this.#lastLines.push(line.slice(0, LAST_LINE_CHARS_MAX));
    if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift();
  }

  #tell(message: ToActor extends infer M ? (M extends unknown ? Omit<M, 'for'> : never) : never): void {
    write(this.#child, TALK_FD, { for: 'actor', ...message });
  }

  /** Tells the thread that watches what has changed for it. */
  #tellWatch(): void {
    if (!this.#cameUp) return;
    const { mayRunUntilNs } = this.#memory;
    // Lines are taken in their order: of those that are left, any may be of the process.
    const logsTaken = Math.max(this.#told.logsTaken, this.#ownLines - this.#linesLeft());
    if (mayRunUntilNs === this.#told.mayRunUntilNs && logsTaken === this.#told.logsTaken) return;
    this.#told = { mayRunUntilNs, logsTaken };
    write(this.#child, WATCH_FD, this.#told);
  }

  #kill(): void {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    if (!this.#killGroup(child)) child.kill('SIGKILL');
  }

  /** It leads a group of its own, which can outlive it. */
  #killGroup({ pid }: ChildProcess): boolean {
    try {
      process.kill(-pid!, 'SIGKILL');
      return true;
    } catch {
      return false; // nobody is left in it, or there are no groups here
    }
  }
}

/** @throws {ProcessLostError} `PROCESS_NOT_STARTED` */
function started(program: string, words: readonly string[], options: SpawnOptions): Promise<ChildProcess> {
  return new Promise((resolve, reject: (error: ProcessLostError) => void) => {
    try {
      const child = spawn(program, words, options);
      child.once('error', (error) => reject(startLossOf(error)));
      child.once('spawn', () => {
        child.on('error', () => {}); // a signal that could not be sent: it has gone
        resolve(child);
      });
    } catch (error) {
      reject(startLossOf(error as Error));
    }
  });
}

function write(child: ChildProcess | undefined, fd: number, message: object): void {
  const pipe = child?.stdio[fd] as Duplex | null | undefined;
  if (pipe?.writable) pipe.write(frame(message));
}

/** Whether what is printed there is the output of a sink, and no message. */
function isPrintedBySink({ spec }: PipelineTask, fd: number): boolean {
  const to = fd === 1 ? 'stdout' : 'stderr';
  return stagesOf(spec).some(
    ({ use, outside, options }) =>
      use === 'console' && !outside && (options as { readonly to?: unknown } | undefined)?.to === to,
  );
}
