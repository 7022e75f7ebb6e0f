import { stat } from 'node:fs/promises';
import { serialize } from 'node:v8';
import type { Worker } from 'node:worker_threads';
import type { Clock, TimerHandle } from '../core/clock.js';
import { PipelineError } from '../core/errors.js';
import { ProviderError } from '../core/provider-error.js';
import { redact } from '../core/redact.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import { ModuleFolders } from '../plan/user-code/module-folders.js';
import {
  readDeclaration,
  readListEnd,
  readListItems,
  readPlanAnswer,
} from '../plan/user-code/read-answer.js';
import type {
  ListRequest,
  ModuleRef,
  PlanAnswer,
  PlanningRequest,
  PlanRequest,
  UserCode,
} from '../plan/user-code/user-code.js';
import { LIST_ITEMS_MAX, type ListItem } from '../providers/contract/provider-list.js';
import type { DeclaredComponent } from '../wire/declared-component.js';
import { type PlanningSlot, type PlanningSlots, processSlots } from './planning-slots.js';
import { PlanningThread, type PlanningThreadOptions } from './planning-thread.js';
import { startFailure } from './start-failure.js';
import { expectEntry, threadEntry } from './thread-entry.js';

/** How long an answer is cached: long enough for a burst, too short for a person to edit an imported file. */
const ANSWER_KEPT_NS = 2_000n * NANOS_PER_MILLI;
const ANSWERS_MAX = 64;
/** The answer to a request with a longer key is not cached. */
const KEY_BYTES_MAX = 65_536;
/** How long a thread may take to exit. One that is blocked in a system call is left behind. */
const EXIT_WAIT_MS = 1_000;

interface KeptAnswer {
  readonly answer: Promise<PlanAnswer>;
  /** `undefined` while the answer is pending. */
  readonly untilNs: bigint | undefined;
}

/** A planning thread, whatever the type of its answer. */
type AnyThread = Pick<PlanningThread, 'title' | 'exited' | 'cancel'>;

/** How a list is read. */
export interface ListTerms {
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Ms from its start to its end. */
  readonly deadlineMs: number;
  onItems(items: readonly ListItem[]): void;
  /** Is told of the thread, which holds permits. */
  onWorker?(worker: Worker): void;
}

/** What of a thread differs from one that plans. */
interface ThreadTerms
  extends Partial<Pick<PlanningThreadOptions, 'deadlineMs' | 'onItems' | 'itemsMax' | 'late' | 'onWorker'>> {
  onThread?(thread: AnyThread): void;
}

/** Limits for loading the modules that specs name. */
export interface PlanningSettings {
  /** Folders that modules may come from. */
  readonly moduleFolders: readonly string[];
  /** Time for a module to load and answer. */
  readonly moduleDeadlineMs: number;
  /** Heap limit of the thread that loads the module. */
  readonly maxHeapMb: number;
}

/**
 * Loads and plans user code in throw-away threads. Each request gets its own thread, so that a module
 * cannot affect the plan of another. Plan requests that repeat within two seconds, with the module file
 * unchanged, share one answer.
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
   * @throws {PipelineError} `MODULE_INVALID` if the module cannot be loaded, does not answer, or declares no
   *   components; `RUNTIME_CLOSED`.
   */
  declare(ref: ModuleRef): Promise<readonly DeclaredComponent[]> {
    return this.#ask(ref, readDeclaration);
  }

  /**
   * @throws {PipelineError} `MODULE_INVALID` if the code cannot be loaded or does not answer;
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

  /**
   * Reads a list of a provider to its end.
   *
   * @param onItems - Is given a few at a time.
   * @throws {RuntimeError} what the provider, its gate or its options have failed with; `MODULE_INVALID` if its code
   *   cannot be loaded; the reason of the signal.
   */
  async list(request: ListRequest, { signal, deadlineMs, onItems, onWorker }: ListTerms): Promise<void> {
    signal?.throwIfAborted();
    const { list } = request;
    let ofThread: AnyThread | undefined;
    const onAbort = () => ofThread?.cancel(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#ask(request, readListEnd, {
        deadlineMs,
        onItems: (text) => onItems(readListItems(list.kind, text)),
        itemsMax: LIST_ITEMS_MAX, // a page may have one item
        onWorker,
        late: (ms) =>
          new ProviderError(
            'unavailable',
            `Provider "${request.stage.use}": the list was not read to its end within ${ms} ms`,
          ),
        onThread(thread) {
          ofThread = thread;
          if (signal?.aborted) onAbort();
        },
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Ends all threads and rejects pending requests with `RUNTIME_CLOSED`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#answers.clear();
    this.#slots.giveUp(this, closed());
    for (const thread of this.#threads) thread.cancel(closed());
    await Promise.all(this.#endings);
  }

  async #ask<Answer>(
    request: PlanningRequest,
    read: (text: string) => Answer,
    terms: ThreadTerms = {},
  ): Promise<Answer> {
    if (this.#isClosed) throw closed();
    const slot = await this.#slots.take(this);
    const thread = this.#start(request, read, slot, terms);
    this.#threads.add(thread);
    terms.onThread?.(thread);
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
    { deadlineMs = this.#settings.moduleDeadlineMs, ...terms }: ThreadTerms,
  ): PlanningThread<Answer> {
    const { maxHeapMb } = this.#settings;
    try {
      if (this.#isClosed) throw closed();
      expectEntry(threadEntry('planning'));
      const print = (text: string) => process.stderr.write(redact(text));
      return new PlanningThread(request, read, {
        ...terms,
        clock: this.#clock,
        deadlineMs,
        maxHeapMb,
        print,
      });
    } catch (error) {
      slot.free();
      const whyNot = error instanceof Error ? startFailure(error) : undefined;
      if (whyNot !== undefined) throw notStarted(whyNot, error);
      if (!(error instanceof DOMException)) throw error;
      const problem = `expected plain data as its options, since they cross to its thread: ${error.message}`;
      throw new PipelineError('MODULE_INVALID', problem, { cause: error });
    }
  }

  /** Waits up to `EXIT_WAIT_MS` for a thread that was ended, then marks it as stuck. */
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

  /** Caches a pending answer, and after that an answer without problems for `ANSWER_KEPT_NS`. */
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

const notStarted = (why: string, cause: unknown): PipelineError =>
  new PipelineError('THREAD_NOT_STARTED', `The thread that loads the module did not start: ${why}`, {
    cause,
    retryable: true,
  });

function closed(): PipelineError {
  return new PipelineError('RUNTIME_CLOSED', 'The runtime is closed and takes no jobs');
}

/**
 * Everything that an answer depends on, except the files that the module imports.
 *
 * @returns `undefined` if the request cannot be cached.
 */
async function keyOf({ kind, stage, input, spec }: PlanRequest): Promise<string | undefined> {
  const { use, options, file } = stage;
  const found = file === undefined ? undefined : await stat(file, { bigint: true }).catch(() => undefined);
  if (!found) return undefined;
  const { dev, ino, size, mtimeNs, ctimeNs } = found;
  try {
    const bytes = serialize([kind, use, options, file, input, spec, dev, ino, size, mtimeNs, ctimeNs]);
    return bytes.length <= KEY_BYTES_MAX ? bytes.toString('latin1') : undefined;
  } catch {
    return undefined; // not plain data: starting its thread reports that
  }
}
