/** The messages between a supervisor and a pipeline in a process of its own. Plain data: nothing is shared. */
import type { WireError } from '../core/errors.js';
import type { FromDealer, RemoteResilienceHandle, ToDealer } from '../resilience/remote/remote-messages.js';
import type { MemoryCopy } from '../shared-memory/mirror-of.js';
import type { PipelineControl, PipelineOutcome, PipelineTask, ThreadNotice } from './pipeline-actor.js';

/** A task without what is made anew in its process. */
export type ProcessTask = Omit<
  PipelineTask,
  'counters' | 'watch' | 'syncs' | 'control' | 'logs' | 'resilience' | 'topics'
> & {
  /** Budgets and breakers, by messages. */
  readonly resilience?: RemoteResilienceHandle;
};

/** The numbers of the pipes between the two, among the files that a process begins with. */
export const TALK_FD = 3;
export const WATCH_FD = 4;

/** What goes through the pipe of the main thread. Each message says for whom it is. */
export type ToProcess = ToActor | { readonly for: 'budgets'; readonly message: FromDealer };

export type ToActor = { readonly for: 'actor' } & (
  | { readonly type: 'task'; readonly task: ProcessTask; readonly mayRunUntilNs: bigint }
  | { readonly type: 'ask'; readonly id: number; readonly what: keyof PipelineControl }
);

export type FromProcess = FromActor | { readonly for: 'budgets'; readonly message: ToDealer };

export type FromActor = { readonly for: 'actor' } & (
  | { readonly type: 'hello'; readonly nowNs: bigint }
  | { readonly type: 'notice'; readonly notice: ThreadNotice }
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly mirror: MemoryCopy }
  | { readonly type: 'refusal'; readonly id: number; readonly message: string }
  | { readonly type: 'outcome'; readonly outcome: PipelineOutcome; readonly mirror: MemoryCopy }
  /** What nobody caught, and the process ends with; unless a handler of users takes it, which can go on after it. */
  | { readonly type: 'fault'; readonly error: WireError; readonly isCaught: boolean }
);

/** What goes through the pipe of the thread that watches, also while the main thread is blocked. */
export type ToWatch = {
  /** On the clock of the process that gets it. */
  readonly mayRunUntilNs: bigint;
  /** Log lines that were taken of those of the process. */
  readonly logsTaken: number;
};

export type FromWatch =
  | { readonly type: 'mirror'; readonly mirror: MemoryCopy }
  /** The process is above its limit, and ends itself. */
  | { readonly type: 'memory'; readonly rssBytes: number };

/** What the watching thread of a process is given. */
export interface WatchData {
  readonly counters: SharedArrayBuffer;
  readonly watch: SharedArrayBuffer;
  /** Most bytes that may be resident; 0: any number. */
  readonly rssBytesMax: number;
  /** How long the pipeline may take to suspend once its supervisor has gone. */
  readonly orphanGraceMs: number;
}

/** Posted by the watching thread: the supervisor has gone. */
export const ORPHANED = 'orphaned';
