import { stat } from 'node:fs/promises';
import { serialize } from 'node:v8';
import type { Clock, TimerHandle } from '../core/clock.js';
import { PipelineError } from '../core/errors.js';
import { redact } from '../core/redact.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import { ModuleFolders } from '../plan/user-code/module-folders.js';
import { readDeclaration, readPlanAnswer } from '../plan/user-code/read-answer.js';
import type {
  ModuleRef,
  PlanAnswer,
  PlanningRequest,
  PlanRequest,
  UserCode,
} from '../plan/user-code/user-code.js';
import type { DeclaredComponent } from '../wire/declared-component.js';
import { type PlanningSlot, type PlanningSlots, processSlots } from './planning-slots.js';
import { PlanningThread } from './planning-thread.js';
import { expectEntry, threadEntry } from './thread-entry.js';

/** How long an answer is good for: time for a burst, too short for somebody who edits what a module imports. */
const ANSWER_KEPT_NS = 2_000n * NANOS_PER_MILLI;
const ANSWERS_MAX = 64;
/** A longer question is asked anew each time. */
const KEY_BYTES_MAX = 65_536;
/** On close, for threads to be gone. One that is in a system call is left behind. */
const EXIT_WAIT_MS = 1_000;

interface KeptAnswer {
  readonly answer: Promise<PlanAnswer>;
  /** `undefined` while it is on its way. */
  readonly untilNs: bigint | undefined;
}

/** Whatever it was asked. */
type AnyThread = Pick<PlanningThread, 'title' | 'exited' | 'cancel'>;

/** How modules that specs name are loaded. */
export interface PlanningSettings {
  /** Folders that modules may come from. */
  readonly moduleFolders: readonly string[];
  /** For a module to load and to answer. */
  readonly moduleDeadlineMs: number;
  /** Heap of the thread in which it does. */
  readonly maxHeapMb: number;
}

/**
 * Has code of users loaded and asked in throw-away threads: one question a thread, since what a
 * module does to its thread must not reach the plan of another. The same question of the same file
 * within a moment is asked once.
 */
export class PlanningThreads implements UserCode {
  readonly #settings: PlanningSettings;
  readonly #clock: Clock;
  readonly #slots: PlanningSlots;
  readonly #folders: ModuleFolders;
  readonly #threads = new Set<AnyThread>();
  readonly #endings = new Set<Promise<void>>();
  readonly #answers = new Map<string, KeptAnswer>();
  #isClosed = false;

  /** @param slots - Default: those of the process. */
  constructor(settings: PlanningSettings, clock: Clock, slots = processSlots) {
    this.#settings = settings;
    this.#clock = clock;
    this.#slots = slots;
    this.#folders = new ModuleFolders(settings.moduleFolders);
  }

  find(path: string): Promise<string> {
    return this.#folders.find(path);
  }

  /**
   * @throws {PipelineError} `MODULE_INVALID`: the module cannot be loaded, does not answer, or declares no
   *   components. `RUNTIME_CLOSED`.
   */
  declare(ref: ModuleRef): Promise<readonly DeclaredComponent[]> {
    return this.#ask(ref, readDeclaration);
  }

  /**
   * @throws {PipelineError} `MODULE_INVALID`: the code cannot be loaded, or does not answer.
   *   `RUNTIME_CLOSED`.
   */
  async plan(request: PlanRequest): Promise<PlanAnswer> {
    const key = await keyOf(request);
    const kept = key === undefined ? undefined : this.#kept(key);
    if (kept) return kept;
    const answer = this.#ask(request, readPlanAnswer);
    if (key !== undefined) this.#keep(key, answer);
    return answer;
  }

  /** Ends all threads; what was asked is answered with `RUNTIME_CLOSED`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#answers.clear();
    this.#slots.giveUp(this, closed());
    for (const thread of this.#threads) thread.cancel(closed());
    await Promise.all(this.#endings);
  }

  async #ask<Answer>(request: PlanningRequest, read: (text: string) => Answer): Promise<Answer> {
    if (this.#isClosed) throw closed();
    const slot = await this.#slots.take(this);
    const thread = this.#start(request, read, slot);
    this.#threads.add(thread);
    void thread.exited.then(() => {
      this.#threads.delete(thread);
      slot.free();
    });
    const ending = thread.answer
      .then(
        () => {},
        () => {},
      )
      .then(() => this.#watchEnd(thread, slot));
    this.#endings.add(ending);
    void ending.then(() => this.#endings.delete(ending));
    return thread.answer;
  }

  /** @throws {PipelineError} */
  #start<Answer>(
    request: PlanningRequest,
    read: (text: string) => Answer,
    slot: PlanningSlot,
  ): PlanningThread<Answer> {
    const { moduleDeadlineMs: deadlineMs, maxHeapMb } = this.#settings;
    try {
      if (this.#isClosed) throw closed();
      expectEntry(threadEntry('planning'));
      const print = (text: string) => process.stderr.write(redact(text));
      return new PlanningThread(request, read, { clock: this.#clock, deadlineMs, maxHeapMb, print });
    } catch (error) {
      slot.free();
      if (!(error instanceof DOMException)) throw error;
      const problem = `expected plain data as its options, since they cross to its thread: ${error.message}`;
      throw new PipelineError('MODULE_INVALID', problem, { cause: error });
    }
  }

  /** Settles once a thread that was told to end is gone, or will not be. */
  async #watchEnd(thread: AnyThread, slot: PlanningSlot): Promise<void> {
    let timer: TimerHandle;
    const late = new Promise<'late'>((resolve) => {
      timer = this.#clock.setTimeout(() => resolve('late'), EXIT_WAIT_MS);
    });
    const ended = await Promise.race([thread.exited, late]);
    this.#clock.clearTimeout(timer);
    if (ended === 'late') slot.markStuck(thread.title);
  }

  #kept(key: string): Promise<PlanAnswer> | undefined {
    const kept = this.#answers.get(key);
    if (!kept || kept.untilNs === undefined || this.#clock.now() < kept.untilNs) return kept?.answer;
    this.#answers.delete(key);
    return undefined;
  }

  /** Keeps what is asked while it is on its way, and a good answer for a moment longer. */
  #keep(key: string, answer: Promise<PlanAnswer>): void {
    const onItsWay: KeptAnswer = { answer, untilNs: undefined };
    this.#answers.set(key, onItsWay);
    const settle = (isGood: boolean) => {
      if (this.#answers.get(key) !== onItsWay) return;
      this.#answers.delete(key);
      if (!isGood || this.#isClosed) return;
      this.#answers.set(key, { answer, untilNs: this.#clock.now() + ANSWER_KEPT_NS });
      for (const oldest of this.#answers.keys()) {
        if (this.#answers.size <= ANSWERS_MAX) break;
        this.#answers.delete(oldest);
      }
    };
    answer.then(
      ({ problems }) => settle(problems.length === 0),
      () => settle(false),
    );
  }
}

function closed(): PipelineError {
  return new PipelineError('RUNTIME_CLOSED', 'The runtime is closed and takes no jobs');
}

/** All that an answer depends on, but for what the module itself imports; `undefined` for what has no such key. */
async function keyOf({ kind, stage, input, spec }: PlanRequest): Promise<string | undefined> {
  const { use, options, file } = stage;
  const found = file === undefined ? undefined : await stat(file, { bigint: true }).catch(() => undefined);
  if (!found) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs } = found;
  try {
    const bytes = serialize([kind, use, options, file, input, spec, dev, ino, size, mtimeNs, ctimeNs]);
    return bytes.length <= KEY_BYTES_MAX ? bytes.toString('latin1') : undefined;
  } catch {
    return undefined; // no plain data: the start of its thread says so
  }
}
