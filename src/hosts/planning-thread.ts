import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Clock, TimerHandle } from '../core/clock.js';
import { PipelineError, type RuntimeError } from '../core/errors.js';
import { cutText } from '../core/shown-text.js';
import type { PlanningRequest } from '../plan/user-code/user-code.js';
import {
  type PlanningData,
  PRINTED_CHARS_MAX,
  PRINTED_TIMES_MAX,
  readPlanningMessage,
} from '../wire/planning.js';
import { heapLimits } from './heap-limits.js';
import { startFailure } from './start-failure.js';
import { threadEntry } from './thread-entry.js';

/** Limits of a planning thread, and where its output goes. */
export interface PlanningThreadOptions {
  readonly clock: Clock;
  /** Receives the items of a list, a few at a time. What it throws ends the thread. */
  readonly onItems?: ((text: string) => void) | undefined;
  /** Messages with items that may come. */
  readonly itemsMax?: number | undefined;
  /** Says that there was no answer in time. Default: that it did not load and plan. */
  readonly late?: ((deadlineMs: number) => RuntimeError) | undefined;
  /** Is told of its worker. */
  readonly onWorker?: ((worker: Worker) => void) | undefined;
  /** Time from the start of the thread to its answer. */
  readonly deadlineMs: number;
  readonly maxHeapMb: number;
  /** Receives what the code prints. Must not throw. */
  print(text: string): void;
}

const STRAY_MESSAGE = 'it posts messages where none are expected';
/** Room for the note that further output is not shown. */
const CLOSING_WORDS_MAX = 100;

/** A thread that loads user code, answers one request and exits. */
export class PlanningThread<Answer = unknown> {
  /** @throws {PipelineError} `MODULE_INVALID` with the reason why there is no answer. */
  readonly answer: Promise<Answer>;
  /** Resolves once the thread is gone. That may be never: a system call cannot be interrupted. */
  readonly exited: Promise<void>;
  /** The name of the request in errors. */
  readonly title: string;
  readonly #read: (text: string) => Answer;
  readonly #options: PlanningThreadOptions;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #timer: TimerHandle;
  readonly #isNative: boolean;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #messages = 0;
  #printedChars = 0;
  #isSettled = false;

  /**
   * @param read - Parses and checks the answer, which user code may have forged.
   * @throws {DOMException} `DataCloneError` if the request is not plain data.
   */
  constructor(request: PlanningRequest, read: (text: string) => Answer, options: PlanningThreadOptions) {
    this.title = titleOf(request);
    // A declaration does not call "load", so only a plan request can load native code.
    this.#isNative = 'stage' in request && request.stage.loads === 'native';
    this.#read = read;
    this.#options = options;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    try {
      this.#worker = new Worker(threadEntry('planning'), {
        name: 'tickloom planning',
        workerData: { port: port2, request } satisfies PlanningData,
        transferList: [port2],
        // These streams are not read: text written past the redirection stays in the thread.
        stdout: true,
        stderr: true,
        resourceLimits: heapLimits(options.maxHeapMb),
      });
    } catch (error) {
      port1.close();
      port2.close();
      throw error;
    }
    options.onWorker?.(this.#worker);
    this.#port.on('message', (message: unknown) => this.#take(message));
    this.#worker.on('error', (error) => this.#fail(this.#nameOf(error)));
    this.exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#takeRest();
        this.#fail(
          `it ended its thread with exit code ${code} before it had answered: take "process.exit" out of what ` +
            'runs as it is loaded or planned',
        );
        resolve();
      });
    });
    this.#timer = options.clock.setTimeout(() => {
      // The answer may have arrived while this thread was busy.
      this.#takeRest();
      if (options.late) this.cancel(options.late(options.deadlineMs));
      this.#fail(
        `it did not load and plan within ${options.deadlineMs} ms ("moduleDeadlineMs"): take endless loops and ` +
          'long waits out of what runs as it is loaded or planned',
      );
    }, options.deadlineMs);
  }

  /** Rejects the answer and ends the thread. */
  cancel(error: unknown): void {
    this.#end(() => this.#reject(error));
  }

  #take(data: unknown): void {
    const message = readPlanningMessage(data);
    const { itemsMax = 0 } = this.#options;
    if (!message || ++this.#messages > PRINTED_TIMES_MAX + itemsMax + 2) this.#fail(STRAY_MESSAGE);
    else if ('items' in message) this.#takeItems(message.items);
    else if ('printed' in message) this.#print(message.printed);
    else if ('neverLoads' in message) {
      this.#fail('it never finishes loading: an "await" at its top level waits for what does not come');
    } else {
      this.#end(() => {
        try {
          this.#resolve(this.#read(message.answer));
        } catch (error) {
          this.#reject(error);
        }
      });
    }
  }

  #takeItems(text: string): void {
    const { onItems } = this.#options;
    try {
      if (onItems) onItems(text);
      else this.#fail(STRAY_MESSAGE);
    } catch (error) {
      this.cancel(error);
    }
  }

  #print(text: string): void {
    this.#printedChars += text.length;
    if (this.#printedChars > PRINTED_CHARS_MAX + CLOSING_WORDS_MAX) this.#fail(STRAY_MESSAGE);
    else this.#options.print(text);
  }

  /** Reads messages that are still queued: the exit event may overtake them. */
  #takeRest(): void {
    while (!this.#isSettled) {
      const next = receiveMessageOnPort(this.#port);
      if (!next) return;
      this.#take(next.message);
    }
  }

  #fail(problem: string): void {
    this.#end(() => this.#reject(new PipelineError('MODULE_INVALID', `${this.title}: ${problem}`)));
  }

  #end(settle: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#options.clock.clearTimeout(this.#timer);
    this.#port.close();
    settle();
    this.#worker.unref();
    // Terminating a thread with a native addon may crash the process. Such a thread exits when it runs idle.
    if (!this.#isNative) void this.#worker.terminate();
  }

  #nameOf(error: unknown): string {
    if (!(error instanceof Error)) return `it threw ${cutText(textOf(error), 200)} and nothing caught it`;
    if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') {
      const { maxHeapMb } = this.#options;
      return `it needs more than the ${maxHeapMb} MB of heap that a thread may have ("maxHeapMb") to load and plan`;
    }
    const whyNot = startFailure(error);
    if (whyNot !== undefined) return `its thread did not start: ${whyNot}`;
    return `an error that nothing caught ended its thread: ${cutText(textOf(error.message), 500)}`;
  }
}

/** User code may throw a value of any shape. */
const textOf = (value: unknown): string =>
  typeof value === 'object' || typeof value === 'function'
    ? `a value of type ${typeof value}`
    : String(value);

function titleOf(request: PlanningRequest): string {
  if ('module' in request) return `module "${cutText(request.module, 500)}"`;
  const { stage } = request;
  const kind = 'list' in request ? 'provider' : request.kind;
  const { use, options, outside } = stage;
  if (outside) return `${kind} "${use}" of module "${cutText(outside.module, 500)}"`;
  const { path } = (options ?? {}) as { readonly path?: unknown };
  return typeof path === 'string' ? `${use} "${cutText(path, 500)}"` : `"${use}"`;
}
