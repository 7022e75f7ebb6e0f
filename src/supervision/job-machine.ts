import { assign, emit, setup } from 'xstate';
import type { Clock } from '../core/clock.js';
import type { WireError } from '../core/errors.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import type { PipelineReport } from '../wire/pipeline-report.js';
import type { PendingStart } from '../wire/start-step.js';
import type { JobState, JobTransition } from './job.js';

/**
 * What happens to a job. Instants are milliseconds since 1970, so that they survive a restart of the
 * process.
 */
export type JobEvent =
  /** The job has a thread, in which all stages must be open by the deadline. */
  | { readonly type: 'thread.assigned'; readonly deadlineAtMs: number }
  /** All stages are open. */
  | { readonly type: 'actor.ready' }
  | { readonly type: 'pause.requested' }
  | { readonly type: 'resume.requested' }
  | { readonly type: 'drain.requested'; readonly deadlineAtMs: number }
  | { readonly type: 'stop.requested' }
  /**
   * The instant in the context's `deadlineAtMs` has passed. `pending` names what a start is still waiting
   * for.
   */
  | { readonly type: 'deadline.passed'; readonly pending?: PendingStart }
  | { readonly type: 'pipeline.ended'; readonly report: PipelineReport }
  /** The thread is gone and left no report. */
  | { readonly type: 'thread.lost'; readonly error: WireError };

/** A command from the machine to the supervisor. */
export interface JobCommand {
  readonly type: 'command';
  /** `end` ends the thread, whatever it is doing. The others are sent to the actor. */
  readonly command: 'pause' | 'resume' | 'drain' | 'end';
}

/**
 * Plain data: a machine restored from it continues, and its supervisor sets a timer for `deadlineAtMs`
 * again.
 */
export interface JobContext {
  /** The last 100 transitions, oldest first. */
  readonly history: readonly JobTransition[];
  /** Also set if the pause was requested before the actor was ready. */
  readonly pauseWanted: boolean;
  /** Why the job is ending. After `stop`, `deadline` and `no start` the thread itself is ended. */
  readonly ending?: 'drain' | 'stop' | 'deadline' | 'no start' | undefined;
  readonly deadlineAtMs?: number | undefined;
  readonly report?: PipelineReport | undefined;
  readonly error?: WireError | undefined;
}

const HISTORY_MAX = 100;
const NO_ANSWER: PendingStart = { text: 'its thread did not answer' };

/**
 * The life of one job:
 * `queued → starting → running ⇄ paused → draining → completed | stopped | failed`.
 *
 * Losing the thread leads out of every state but the last three. A hard stop and a start that took too
 * long pass through `draining` as well: this is the state of any job on its way out. The machine holds no
 * timer: deadlines are instants in the context.
 */
export function createJobMachine(clock: Clock) {
  const nowMs = () => Number(clock.wall() / NANOS_PER_MILLI);

  const endsByReport = {
    'pipeline.ended': [
      { guard: 'reportsFailure', target: 'failed', actions: 'keepReport' },
      { guard: 'reportsStop', target: 'stopped', actions: 'keepReport' },
      { target: 'completed', actions: 'keepReport' },
    ],
  } as const;
  const failsWithoutThread = { 'thread.lost': { target: 'failed', actions: 'keepError' } } as const;
  const takesPauses = {
    'pause.requested': { guard: 'isPauseNews', actions: ['wantPause', 'commandPause'] },
    'resume.requested': { guard: 'isPauseWanted', actions: ['forgetPause', 'commandResume'] },
  } as const;
  const takesItsEnd = {
    'drain.requested': { target: 'draining', actions: ['beginDrain', 'commandDrain'] },
    'stop.requested': { target: 'draining', actions: ['beginStop', 'commandEnd'] },
  } as const;

  return setup({
    types: {
      /** Of a job in the queue. */
      input: {} as JobContext,
      context: {} as JobContext,
      events: {} as JobEvent,
      emitted: {} as JobCommand,
      tags: {} as 'live',
    },
    guards: {
      isPauseWanted: ({ context }) => context.pauseWanted,
      isPauseNews: ({ context }) => !context.pauseWanted,
      isDraining: ({ context }) => context.ending === 'drain',
      isSooner: ({ context, event }) =>
        context.ending === 'drain' &&
        event.type === 'drain.requested' &&
        event.deadlineAtMs < (context.deadlineAtMs ?? Number.POSITIVE_INFINITY),
      reportsFailure: ({ event }) => event.type === 'pipeline.ended' && event.report.outcome === 'failed',
      reportsStop: ({ event }) => event.type === 'pipeline.ended' && event.report.outcome === 'stopped',
      wasEndedByUs: ({ context }) => context.ending === 'stop' || context.ending === 'deadline',
    },
    actions: {
      enter: assign({
        history: ({ context, event }, { state }: { state: JobState }) => {
          const reason = reasonOf(event, context);
          const transition = { state, atMs: nowMs(), ...(reason !== undefined && { reason }) };
          return [...context.history, transition].slice(-HISTORY_MAX);
        },
      }),
      armDeadline: assign({
        deadlineAtMs: ({ event }) =>
          event.type === 'thread.assigned' || event.type === 'drain.requested'
            ? event.deadlineAtMs
            : undefined,
      }),
      disarmDeadline: assign({ deadlineAtMs: undefined }),
      wantPause: assign({ pauseWanted: true }),
      forgetPause: assign({ pauseWanted: false }),
      beginDrain: assign({
        ending: 'drain',
        deadlineAtMs: ({ event }) => (event.type === 'drain.requested' ? event.deadlineAtMs : undefined),
      }),
      beginStop: assign({ ending: 'stop', deadlineAtMs: undefined }),
      giveUpStart: assign({
        ending: 'no start',
        deadlineAtMs: undefined,
        error: ({ event }) => {
          const { text, stage } = (event.type === 'deadline.passed' && event.pending) || NO_ANSWER;
          return {
            code: 'START_TIMED_OUT',
            message: `The job did not start before its deadline ("startDeadlineMs"): ${text}`,
            retryable: true,
            ...(stage !== undefined && { stage }),
          };
        },
      }),
      giveUpDrain: assign({
        ending: 'deadline',
        deadlineAtMs: undefined,
        error: {
          code: 'DRAIN_TIMED_OUT',
          message: 'Not all rows were delivered by the deadline of the drain; the thread was ended',
          retryable: false,
        },
      }),
      keepReport: assign({
        report: ({ event }) => (event.type === 'pipeline.ended' ? event.report : undefined),
        error: ({ context, event }) => {
          if (event.type !== 'pipeline.ended' || event.report.outcome === 'completed') return undefined;
          return event.report.error ?? context.error;
        },
      }),
      keepError: assign({
        error: ({ context, event }) =>
          context.error ?? (event.type === 'thread.lost' ? event.error : undefined),
      }),
      // The loss was requested, so it is no error, unless the thread could not be ended.
      keepErrorOfRequestedEnd: assign({
        error: ({ context, event }) =>
          event.type === 'thread.lost' && event.error.code === 'THREAD_LEFT_RUNNING'
            ? event.error
            : context.error,
      }),
      commandPause: emit({ type: 'command', command: 'pause' }),
      commandResume: emit({ type: 'command', command: 'resume' }),
      commandDrain: emit({ type: 'command', command: 'drain' }),
      commandEnd: emit({ type: 'command', command: 'end' }),
    },
  }).createMachine({
    id: 'job',
    context: ({ input }) => input,
    initial: 'queued',
    states: {
      queued: {
        tags: 'live',
        on: {
          'thread.assigned': [
            { guard: 'isPauseWanted', target: 'starting', actions: ['armDeadline', 'commandPause'] },
            { target: 'starting', actions: 'armDeadline' },
          ],
          'pause.requested': { guard: 'isPauseNews', actions: 'wantPause' },
          'resume.requested': { guard: 'isPauseWanted', actions: 'forgetPause' },
          'drain.requested': 'stopped',
          'stop.requested': 'stopped',
          ...failsWithoutThread,
        },
      },
      starting: {
        tags: 'live',
        entry: { type: 'enter', params: { state: 'starting' } },
        on: {
          'actor.ready': [
            { guard: 'isPauseWanted', target: 'paused', actions: 'disarmDeadline' },
            { target: 'running', actions: 'disarmDeadline' },
          ],
          ...takesPauses,
          ...takesItsEnd,
          'deadline.passed': { target: 'draining', actions: ['giveUpStart', 'commandEnd'] },
          ...endsByReport,
          ...failsWithoutThread,
        },
      },
      running: {
        tags: 'live',
        entry: { type: 'enter', params: { state: 'running' } },
        on: {
          'pause.requested': { target: 'paused', actions: ['wantPause', 'commandPause'] },
          ...takesItsEnd,
          ...endsByReport,
          ...failsWithoutThread,
        },
      },
      paused: {
        tags: 'live',
        entry: { type: 'enter', params: { state: 'paused' } },
        on: {
          'resume.requested': { target: 'running', actions: ['forgetPause', 'commandResume'] },
          ...takesItsEnd,
          ...endsByReport,
          ...failsWithoutThread,
        },
      },
      draining: {
        tags: 'live',
        entry: { type: 'enter', params: { state: 'draining' } },
        on: {
          'drain.requested': { guard: 'isSooner', actions: 'armDeadline' },
          'stop.requested': { guard: 'isDraining', actions: ['beginStop', 'commandEnd'] },
          'deadline.passed': { guard: 'isDraining', actions: ['giveUpDrain', 'commandEnd'] },
          ...endsByReport,
          'thread.lost': [
            { guard: 'wasEndedByUs', target: 'stopped', actions: 'keepErrorOfRequestedEnd' },
            { target: 'failed', actions: 'keepError' },
          ],
        },
      },
      completed: {
        type: 'final',
        entry: [{ type: 'enter', params: { state: 'completed' } }, 'disarmDeadline'],
      },
      stopped: {
        type: 'final',
        entry: [{ type: 'enter', params: { state: 'stopped' } }, 'disarmDeadline'],
      },
      failed: {
        type: 'final',
        entry: [{ type: 'enter', params: { state: 'failed' } }, 'disarmDeadline'],
      },
    },
  });
}

export type JobMachine = ReturnType<typeof createJobMachine>;

function reasonOf(event: JobEvent, context: JobContext): string | undefined {
  switch (event.type) {
    case 'thread.assigned':
      return undefined;
    case 'pipeline.ended':
      return event.report.error ? event.report.error.message : event.report.reason;
    case 'thread.lost':
      if (context.error) return context.error.message;
      return context.ending === 'stop' ? 'stopped' : event.error.message;
    case 'actor.ready':
      return undefined;
    case 'pause.requested':
      return 'pause requested';
    case 'resume.requested':
      return 'resume requested';
    case 'drain.requested':
      return 'drain requested';
    case 'stop.requested':
      return 'stop requested';
    case 'deadline.passed':
      return 'no start in time';
    default:
      return undefined; // the machine's own initial event
  }
}
