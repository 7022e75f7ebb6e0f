import { type Actor, createActor } from 'xstate';
import type { InspectMachine } from '../core/machine-inspection.js';
import type { JobBounds } from '../wire/bounds.js';
import { isEndState, type JobEndState, type JobState, type JobTransition } from './job.js';
import { contextOfQueued, type JobCommand, type JobContext, type JobEvent } from './job-context.js';
import type { JobMachine } from './job-machine.js';
import type { Restarts } from './restart-policy.js';

/** Who is told what a job's machine does. No function may throw. */
export interface JobLifeListener {
  onCommand(command: JobCommand): void;
  /** Called after each step. */
  onStep(): void;
  /** Called when an action threw, which kills the machine: our bug. */
  onFault(error: unknown): void;
}

export interface JobLifeSettings {
  readonly id: string;
  readonly machine: JobMachine;
  /** When the job was put in the queue, in ms since 1970. */
  readonly queuedAtMs: number;
  /** Missing: the job has one run. */
  readonly restarts?: Restarts | undefined;
  /** Where it ends before its source does. */
  readonly bounds?: JobBounds | undefined;
  readonly inspect?: InspectMachine | undefined;
  /** Of a job that an earlier process had. Missing: it is new. */
  readonly past?: JobPast | undefined;
}

/** Where a job goes on that an earlier process had: in the queue, in its back-off, or at its end. */
export interface JobPast {
  readonly state: 'queued' | 'backingOff' | JobEndState;
  readonly context: JobContext;
  /** Of one at its end: whether the next job of its name goes on with its run. */
  readonly isContinued?: boolean | undefined;
}

/**
 * The machine of one job, for as long as it is needed: from its first event to its end. Ten thousand jobs may wait in
 * the queue and a thousand ended ones are remembered, and a machine takes 4 kB and as long to create as the rest of
 * a job. An inspector sees it from the start.
 */
export class JobLife {
  readonly #settings: JobLifeSettings;
  readonly #listener: JobLifeListener;
  #actor: Actor<JobMachine> | undefined;
  #state: JobState = 'queued';
  #context: JobContext;
  #isDone = false;
  /** Done or broken: nothing changes any more. */
  #isOver = false;

  constructor(settings: JobLifeSettings, listener: JobLifeListener) {
    this.#settings = settings;
    this.#listener = listener;
    const { past } = settings;
    this.#context = past?.context ?? contextOfQueued(settings.queuedAtMs, settings.restarts, settings.bounds);
    if (!past) return;
    this.#state = past.state;
    this.#isDone = isEndState(past.state);
    this.#isOver = this.#isDone;
  }

  /** Shows the job to the inspector, if there is one. */
  begin(): void {
    if (this.#settings.inspect && !this.#actor && !this.#isOver) this.#create();
  }

  get state(): JobState {
    return this.#state;
  }

  get context(): JobContext {
    return this.#context;
  }

  get lastTransition(): JobTransition | undefined {
    return this.#context.history.at(-1);
  }

  /** Whether the machine is in one of its last states. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Does nothing once the machine is done or broken. */
  send(event: JobEvent): void {
    if (!this.#isOver) (this.#actor ?? this.#create()).send(event);
  }

  #create(): Actor<JobMachine> {
    const { id, machine, inspect } = this.#settings;
    const actor = createActor(machine, {
      id,
      input: this.#context,
      ...(inspect && { inspect }),
      ...(this.#state === 'backingOff' && {
        snapshot: machine.resolveState({ value: 'backingOff', context: this.#context }),
      }),
    });
    this.#actor = actor;
    actor.on('command', (command) => this.#listener.onCommand(command));
    actor.subscribe({
      next: ({ value, context, status }) => {
        this.#state = value;
        this.#context = context;
        if (status === 'done') {
          this.#isDone = true;
          this.#end();
        }
        this.#listener.onStep();
      },
      error: (error) => {
        this.#end();
        this.#listener.onFault(error);
      },
    });
    actor.start();
    return actor;
  }

  #end(): void {
    this.#isOver = true;
    this.#actor = undefined;
  }
}
