import { expose } from 'comlink';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { RemoteError, type WireError } from '../../src/core/errors.js';
import type { PreparedThread, RunOptions, ThreadRun, Threads } from '../../src/hosts/threads.js';
import { type Counters, openCounters } from '../../src/shared-memory/counters.js';
import { openThreadWatch, type ThreadWatch } from '../../src/shared-memory/thread-watch.js';
import {
  type PipelineControl,
  type PipelineOutcome,
  type PipelineTask,
  type RunClaimed,
  THREAD_BEGUN,
} from '../../src/wire/pipeline-actor.js';
import type { PipelineReport } from '../../src/wire/pipeline-report.js';
import { portEndpoint } from '../../src/wire/port-endpoint.js';

/** Threads that do what a test says, behind real ports. */
export class FakeThreads implements Threads {
  readonly runs: FakeRun[] = [];

  run(task: PipelineTask, _transfer: unknown, options: RunOptions): FakeRun {
    const run = new FakeRun(task, options);
    this.runs.push(run);
    return run;
  }

  get last(): FakeRun {
    return this.runs.at(-1)!;
  }

  of(name: string): FakeRun {
    return this.runs.find(({ task }) => task.spec.name === name)!;
  }
}

export class FakeRun implements ThreadRun {
  readonly task: PipelineTask;
  readonly reusable: boolean;
  /** What it was given of what `prepare` had answered. */
  readonly prepared: PreparedThread | undefined;
  readonly isolation: RunOptions['isolation'];
  readonly counters: Counters;
  readonly watch: ThreadWatch;
  readonly outcome: Promise<PipelineOutcome>;
  /** What the actor was asked, `ready` aside. */
  readonly asked: string[] = [];
  timesEnded = 0;
  #resolve: (outcome: PipelineOutcome) => void = () => {};
  #reject: (error: Error) => void = () => {};

  constructor(task: PipelineTask, { reusable, prepared, isolation }: RunOptions) {
    this.task = task;
    this.reusable = reusable;
    this.prepared = prepared;
    this.isolation = isolation;
    this.counters = openCounters(task.counters);
    this.watch = openThreadWatch(task.watch);
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  end(): void {
    this.timesEnded++;
  }

  /** The thread begins its task. */
  begin(): void {
    this.counters.set('heartbeatNs', 1);
    this.task.logs.postMessage(THREAD_BEGUN);
  }

  /** The run claims its key at the checkpoint store. @param rowsOut - Of earlier starts. */
  claim(epoch: number, rowsOut = 0): void {
    this.task.logs.postMessage({ epoch, rowsOut } satisfies RunClaimed);
    this.counters.set('rowsOut', rowsOut);
  }

  /** The thread begins, and its actor listens from now on. */
  answer(): void {
    const control: PipelineControl = {
      ready: async () => {},
      pause: () => void this.asked.push('pause'),
      resume: () => void this.asked.push('resume'),
      drain: () => void this.asked.push('drain'),
      suspend: () => void this.asked.push('suspend'),
      stop: () => void this.asked.push('stop'),
      describe: () => [
        { stage: 'source', kind: 'source', use: 'fake', health: { status: 'ok' }, statistics: {} },
      ],
    };
    this.begin();
    expose(control, portEndpoint(this.task.control));
  }

  /** The thread looks at no message any more. */
  block(): void {
    this.task.control.close();
  }

  finish(report: PipelineReport): void {
    this.#resolve({ report, leftovers: [] });
  }

  lose(error: WireError): void {
    this.fail(new RemoteError(error));
  }

  fail(error: Error): void {
    this.#reject(error);
  }
}

/** Lets ports and promises have their turns until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 10_000 && !holds(); turn++) await turnOfTheLoop();
  if (!holds()) throw new Error(`never held: ${holds}`);
}
