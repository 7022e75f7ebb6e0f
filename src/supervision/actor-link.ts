import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type Remote, releaseProxy, wrap } from 'comlink';
import type { Counters } from '../shared-memory/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { takeLogLine } from '../telemetry/thread-logger.js';
import {
  type PipelineControl,
  type RunClaimed,
  THREAD_BEGUN,
  type ThreadNotice,
} from '../wire/pipeline-actor.js';
import { portEndpoint } from '../wire/port-endpoint.js';

/** Who is told what a thread posts besides log lines. No function may throw. */
export interface ActorListener {
  /** The thread has begun its task. */
  onBegun(): void;
  /** It has claimed its key at the checkpoint store. */
  onClaimed(claimed: RunClaimed): void;
}

/** The supervisor's end of the two ports of a running actor. Close it when the job ends. */
export class ActorLink {
  /** The thread's ends, to be transferred with its task. */
  readonly far: { readonly control: MessagePort; readonly logs: MessagePort };
  readonly #control: MessagePort;
  readonly #logs: MessagePort;
  readonly #actor: Remote<PipelineControl>;
  readonly #waiting = new Set<() => void>();
  readonly #take: (message: ThreadNotice) => void;
  readonly #tellDropped: () => void;
  #closed = false;

  constructor(log: Logger, counters: Counters, listener: ActorListener) {
    const control = new MessageChannel();
    const logs = new MessageChannel();
    this.far = { control: control.port2, logs: logs.port2 };
    this.#control = control.port1;
    this.#logs = logs.port1;
    this.#actor = wrap<PipelineControl>(portEndpoint(control.port1));
    this.#take = (message) => {
      if (message === THREAD_BEGUN) listener.onBegun();
      else if ('epoch' in message) listener.onClaimed(message);
      else takeLogLine(message, log, counters);
    };
    this.#tellDropped = () => {
      const dropped = counters.get('logsDropped');
      if (dropped > 0) log.warn({ dropped }, 'log lines of the thread dropped');
    };
    this.#logs.on('message', this.#take);
    // The run itself keeps the process alive.
    this.#logs.unref();
  }

  /**
   * Calls the actor.
   *
   * @returns `undefined` if the link was closed first, since a call never settles after its thread died.
   */
  ask<K extends keyof PipelineControl>(
    what: K,
  ): Promise<Awaited<ReturnType<PipelineControl[K]>> | undefined> {
    return new Promise((resolve, reject) => {
      const giveUp = () => resolve(undefined);
      if (this.#closed) {
        giveUp();
        return;
      }
      this.#waiting.add(giveUp);
      // All commands share one signature: none takes an argument.
      const call = this.#actor[what] as unknown as () => Promise<Awaited<ReturnType<PipelineControl[K]>>>;
      call()
        .then(resolve, reject)
        .finally(() => this.#waiting.delete(giveUp));
    });
  }

  /** Reads the last log lines and frees the ports. Calls in flight resolve to `undefined`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const giveUp of this.#waiting) giveUp();
    this.#waiting.clear();
    for (let next = receiveMessageOnPort(this.#logs); next; next = receiveMessageOnPort(this.#logs)) {
      this.#take(next.message as ThreadNotice); // the thread posts nothing else
    }
    this.#tellDropped();
    this.#logs.close();
    // Without the release, Comlink writes to the port when the proxy is collected, even if it is closed.
    this.#actor[releaseProxy]();
    this.#control.close();
    // These ports were never transferred if no thread could be started; if they were, this does nothing.
    this.far.control.close();
    this.far.logs.close();
  }
}
