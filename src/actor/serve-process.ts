import { Socket } from 'node:net';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { type Remote, wrap } from 'comlink';
import { systemClock } from '../core/clock.js';
import { PipelineError, toWireError } from '../core/errors.js';
import type { MessageLink } from '../core/message-link.js';
import { OnceAMinute } from '../core/once-a-minute.js';
import type { RemoteResilienceHandle } from '../resilience/remote/remote-messages.js';
import { COUNTERS_BYTES, Counters, countersHandle } from '../shared-memory/counters.js';
import { mirrorOf } from '../shared-memory/mirror-of.js';
import { syncHandle } from '../shared-memory/sync-turns.js';
import { THREAD_WATCH_BYTES, ThreadWatch, threadWatchHandle } from '../shared-memory/thread-watch.js';
import { FrameReader, frame } from '../wire/frames.js';
import type { PipelineControl, PipelineOutcome, PipelineTask, ThreadNotice } from '../wire/pipeline-actor.js';
import { portEndpoint } from '../wire/port-endpoint.js';
import {
  type FromActor,
  type ProcessTask,
  TALK_FD,
  type ToProcess,
  type WatchData,
} from '../wire/process-messages.js';
import { endProcessGroup } from './end-process-group.js';
import type { ActorHost } from './run-actor.js';

export interface ProcessParts {
  readonly limits: Pick<WatchData, 'rssBytesMax' | 'orphanGraceMs'>;
  /** Starts the thread that watches, which calls back once the supervisor has gone. */
  startWatch(data: WatchData, onOrphaned: () => void): void;
  /** @param own - What is done in another way than in a thread. */
  run(task: PipelineTask, own: Partial<ActorHost>): Promise<PipelineOutcome>;
}

/** Runs the task of this process, and answers its supervisor meanwhile. The supervisor ends the process. */
export function serveProcess(parts: ProcessParts): void {
  const counters = new SharedArrayBuffer(COUNTERS_BYTES);
  const watch = new SharedArrayBuffer(THREAD_WATCH_BYTES);
  const socket = new Socket({ fd: TALK_FD, readable: true, writable: true });
  const link = new ProcessLink(socket, new Counters(counters), new ThreadWatch(watch));
  let serving: Serving | undefined;
  parts.startWatch({ counters, watch, ...parts.limits }, () => {
    if (serving) serving.leave();
    else endProcessGroup();
  });
  // Changes nothing of what becomes of the error.
  process.on('uncaughtExceptionMonitor', (error) => {
    link.tell({ type: 'fault', error: toWireError(error), isCaught: isCaughtByUsers() });
  });
  link.listen((message) => {
    if (message.for === 'budgets') {
      link.budgets.take(message.message);
      return;
    }
    if (message.type === 'ask') {
      serving?.ask(message.id, message.what);
      return;
    }
    if (serving) throw new PipelineError('INTERNAL', 'Expected one task for a process, found a second one');
    new Counters(counters).mayRunUntilNs = message.mayRunUntilNs as Counters['mayRunUntilNs'];
    serving = new Serving(link, message.task);
    const memory = {
      counters: countersHandle(counters),
      watch: threadWatchHandle(watch),
      syncs: syncHandle(),
    };
    void serving.run(memory, parts.run);
  });
  link.tell({ type: 'hello', nowNs: process.hrtime.bigint() });
}

/** Whether code of users takes what nobody has caught: the process goes on then. */
const isCaughtByUsers = (): boolean =>
  process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback();

/** The one task of the process. */
class Serving {
  readonly #link: ProcessLink;
  readonly #task: ProcessTask;
  readonly #control = new MessageChannel();
  readonly #logs = new MessageChannel();
  readonly #actor: Remote<PipelineControl>;
  #isLeft = false;

  constructor(link: ProcessLink, task: ProcessTask) {
    this.#link = link;
    this.#task = task;
    this.#actor = wrap<PipelineControl>(portEndpoint(this.#control.port1));
  }

  async run(
    memory: Pick<PipelineTask, 'counters' | 'watch' | 'syncs'>,
    run: ProcessParts['run'],
  ): Promise<void> {
    const { port1: logs } = this.#logs;
    const tell = (notice: ThreadNotice) => this.#link.tell({ type: 'notice', notice });
    logs.on('message', tell);
    const task = { ...this.#task, ...memory, control: this.#control.port2, logs: this.#logs.port2 };
    const outcome = await run(task, {
      openResilience: async (handle, log) => {
        const { openRemoteResilience } = await import('../resilience/remote/remote-resilience.js');
        const told = new OnceAMinute(systemClock);
        return openRemoteResilience({
          handle: handle as RemoteResilienceHandle, // that of the task
          link: this.#link.budgets,
          onProblem({ scope, error }) {
            if (told.isDue()) log.warn({ budget: scope, err: error }, 'a share of a budget was not renewed');
          },
        });
      },
    });
    for (let next = receiveMessageOnPort(logs); next; next = receiveMessageOnPort(logs)) tell(next.message);
    if (this.#isLeft) endProcessGroup();
    this.#link.tellWithMirror({ type: 'outcome', outcome });
  }

  ask(id: number, what: keyof PipelineControl): void {
    // All commands share one signature: none takes an argument.
    const call = this.#actor[what] as unknown as () => Promise<unknown>;
    call().then(
      (value) => this.#link.tellWithMirror({ type: 'answer', id, value }),
      (error: unknown) => this.#link.tell({ type: 'refusal', id, message: toWireError(error).message }),
    );
  }

  /** Nobody supervises the task any more: with checkpoints, another process goes on from the last one; else, it drains. */
  leave(): void {
    this.#isLeft = true;
    void this.#actor.suspend();
  }
}

type Own<Message> = Message extends unknown ? Omit<Message, 'for' | 'mirror'> : never;
type Mirrored = Own<Extract<FromActor, { readonly mirror: unknown }>>;
type Plain = Own<Exclude<FromActor, { readonly mirror: unknown }>>;

/** One of those that messages are for. */
class Channel implements MessageLink {
  readonly post: (message: unknown) => void;
  #take: (message: unknown) => void = () => {};

  constructor(post: (message: unknown) => void) {
    this.post = post;
  }

  onMessage(take: (message: unknown) => void): void {
    this.#take = take;
  }

  take(message: unknown): void {
    this.#take(message);
  }
}

/** The end of the pipe to the supervisor. */
class ProcessLink {
  readonly #socket: Socket;
  readonly #counters: Counters;
  readonly #watch: ThreadWatch;
  readonly budgets = new Channel((message) => this.#write({ for: 'budgets', message }));

  constructor(socket: Socket, counters: Counters, watch: ThreadWatch) {
    this.#socket = socket;
    this.#counters = counters;
    this.#watch = watch;
    socket.on('error', () => {}); // the thread that watches sees to it
  }

  listen(take: (message: ToProcess) => void): void {
    const reader = new FrameReader();
    this.#socket.on('data', (chunk) => {
      for (const message of reader.read(chunk)) take(message as ToProcess); // of a supervisor of this release
    });
  }

  tell(message: Plain): void {
    this.#write({ for: 'actor', ...message });
  }

  /** With what is counted now: whoever reads the message finds it. */
  tellWithMirror(message: Mirrored): void {
    this.#write({ for: 'actor', ...message, mirror: mirrorOf(this.#counters, this.#watch) });
  }

  #write(message: object): void {
    if (this.#socket.writable) this.#socket.write(frame(message));
  }
}
