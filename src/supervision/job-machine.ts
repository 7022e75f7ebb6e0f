import { assign, emit, setup } from 'xstate';
import type { Clock } from '../core/clock.js';
import { cutText } from '../core/shown-text.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import type { PendingStart } from '../wire/start-step.js';
import type { JobState, JobTransition } from './job.js';
import { withBound } from './job-bounds.js';
import { HISTORY_MAX, type JobCommand, type JobContext, type JobEvent } from './job-context.js';
import { withEnd, withKnown, withRun } from './job-runs.js';
import { areSpent, nextRestart, spentError } from './restart-policy.js';
import {
  endOf,
  isInGoodOrder,
  mayRestart,
  reasonOf,
  restartsAfter,
  wasEndedByUs,
  wasStuck,
} from './run-end.js';

/** Reasons for a restart: there may be one in each second step of a history. */
const REASON_CHARS_MAX = 1_024;
const NO_ANSWER: PendingStart = { text: 'its thread did not answer' };

/**
 * The life of one job:
 * `queued → starting → running ⇄ paused → draining → completed | stopped | failed`, and with a restart policy
 * `starting | running | paused → backingOff → starting`, or `dead` once its restarts are spent.
 *
 * Losing the thread leads out of every state but the last four. A hard stop, a start that took too
 * long and a run that is stuck pass through `draining` as well: this is the state of any run on its way out. What the user asked for last
 * goes before the policy: a job that was to stop, to drain or to suspend is not started again. The machine holds no timer:
 * deadlines are instants in the context.
 */
export function createJobMachine(clock: Clock) {
  const nowMs = () => Number(clock.wall() / NANOS_PER_MILLI);

  const backsOff = {
    guard: 'isRestarted',
    target: 'backingOff',
    reenter: true,
    actions: ['keepEnd', 'backOff'],
  } as const;
  const isRestarted = [
    { guard: 'isSpent', target: 'dead', actions: ['keepEnd', 'tellSpent'] },
    backsOff,
  ] as const;
  const endsByReport = {
    'pipeline.ended': [
      ...isRestarted,
      { guard: 'reportsFailure', target: 'failed', actions: 'keepEnd' },
      { guard: 'reportsStop', target: 'stopped', actions: 'keepEnd' },
      { target: 'completed', actions: 'keepEnd' },
    ],
  } as const;
  const failsWithoutThread = {
    'thread.lost': [...isRestarted, { target: 'failed', actions: 'keepEnd' }],
  } as const;
  const takesThread = {
    'thread.assigned': [
      { guard: 'isPauseWanted', target: 'starting', actions: ['beginRun', 'commandPause'] },
      { target: 'starting', actions: 'beginRun' },
    ],
  } as const;
  /** Without a thread, there is nobody to tell. */
  const takesPausesUntold = {
    'pause.requested': { guard: 'isPauseNews', actions: 'wantPause' },
    'resume.requested': { guard: 'isPauseWanted', actions: 'forgetPause' },
  } as const;
  const takesItsClaim = { 'run.claimed': { actions: 'keepEpoch' } } as const;
  const takesPauses = {
    'pause.requested': { guard: 'isPauseNews', actions: ['wantPause', 'commandPause'] },
    'resume.requested': { guard: 'isPauseWanted', actions: ['forgetPause', 'commandResume'] },
  } as const;
  const endsAtOnce = {
    'bound.reached': 'stopped',
    'drain.requested': 'stopped',
    'suspend.requested': 'stopped',
    'stop.requested': 'stopped',
  } as const;
  const soonerEnd = [
    { guard: 'isSooner', actions: 'armDeadline' },
    { guard: 'mayRestart', actions: ['wantEnd', 'commandEnd'] },
  ] as const;
  const takesSoonerEnd = { 'drain.requested': soonerEnd, 'suspend.requested': soonerEnd } as const;
  const isGivenUpIfStuck = {
    'run.stuck': { target: 'draining', actions: ['giveUpRun', 'commandEnd'] },
  } as const;
  const takesItsEnd = {
    'bound.reached': { target: 'draining', actions: ['beginBound', 'commandBound'] },
    'drain.requested': { target: 'draining', actions: ['beginDrain', 'commandDrain'] },
    'suspend.requested': { target: 'draining', actions: ['beginSuspend', 'commandSuspend'] },
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
      isDraining: ({ context }) => isInGoodOrder(context),
      isSooner: ({ context, event }) =>
        isInGoodOrder(context) &&
        (event.type === 'drain.requested' || event.type === 'suspend.requested') &&
        event.deadlineAtMs < (context.deadlineAtMs ?? Number.POSITIVE_INFINITY),
      reportsFailure: ({ context, event }) =>
        event.type === 'pipeline.ended' &&
        (event.report.outcome === 'failed' || (event.report.outcome === 'stopped' && wasStuck(context))),
      reportsStop: ({ context, event }) =>
        event.type === 'pipeline.ended' && withBound(context, event.report).outcome === 'stopped',
      wasEndedByUs: ({ context }) => wasEndedByUs(context),
      isRestarted: ({ context, event }) => restartsAfter(context, event) !== undefined,
      isSpent: ({ context, event }) => {
        const restarts = restartsAfter(context, event);
        return restarts !== undefined && areSpent(restarts, nowMs());
      },
      mayRestart: ({ context }) => mayRestart(context),
      isPauseNewsForNext: ({ context }) => mayRestart(context) && !context.pauseWanted,
      isPauseWantedForNext: ({ context }) => mayRestart(context) && context.pauseWanted,
    },
    actions: {
      enter: assign({
        history: ({ context, event }, { state }: { state: JobState }) => {
          const reason = state === 'dead' ? context.error?.message : reasonOf(event, context);
          const attempt = context.runs.at(-1)?.attempt ?? 1;
          const transition: JobTransition = {
            state,
            atMs: nowMs(),
            ...(reason !== undefined && {
              reason: state === 'backingOff' ? cutText(reason, REASON_CHARS_MAX) : reason,
            }),
            ...(state === 'starting' && attempt > 1 && { attempt }),
            ...(state === 'backingOff' &&
              context.deadlineAtMs !== undefined && { nextStartAtMs: context.deadlineAtMs }),
          };
          return [...context.history, transition].slice(-HISTORY_MAX);
        },
      }),
      beginRun: assign(({ context, event }) => ({
        deadlineAtMs: event.type === 'thread.assigned' ? event.deadlineAtMs : undefined,
        runs: withRun(context.runs, nowMs()),
        report: undefined,
        error: undefined,
      })),
      keepEpoch: assign({
        runs: ({ context, event }) =>
          event.type === 'run.claimed' ? withKnown(context.runs, { epoch: event.epoch }) : context.runs,
      }),
      armDeadline: assign({
        deadlineAtMs: ({ event }) => ('deadlineAtMs' in event ? event.deadlineAtMs : undefined),
      }),
      disarmDeadline: assign({ deadlineAtMs: undefined }),
      wantPause: assign({ pauseWanted: true }),
      forgetPause: assign({ pauseWanted: false }),
      beginDrain: assign({
        ending: 'drain',
        deadlineAtMs: ({ event }) => ('deadlineAtMs' in event ? event.deadlineAtMs : undefined),
      }),
      beginSuspend: assign({
        ending: 'suspend',
        deadlineAtMs: ({ event }) => ('deadlineAtMs' in event ? event.deadlineAtMs : undefined),
      }),
      beginBound: assign(({ context, event }) =>
        event.type === 'bound.reached'
          ? {
              ending: context.bounds?.isSlice ? ('suspend' as const) : ('drain' as const),
              boundReached: event.bound,
              deadlineAtMs: event.deadlineAtMs,
            }
          : {},
      ),
      beginDuration: assign({
        durationAtMs: ({ context: { bounds, durationAtMs } }) =>
          durationAtMs ?? (bounds?.maxDurationMs === undefined ? undefined : nowMs() + bounds.maxDurationMs),
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
        error: ({ context }) => ({
          code: 'DRAIN_TIMED_OUT',
          message:
            context.ending === 'suspend'
              ? 'The last checkpoint was not taken by the deadline; the thread was ended, and the next start goes on from the one before'
              : 'Not all rows were delivered by the deadline of the drain; the thread was ended',
          retryable: false,
        }),
      }),
      giveUpRun: assign({
        ending: 'stuck',
        deadlineAtMs: undefined,
        error: ({ event }) => (event.type === 'run.stuck' ? event.error : undefined),
      }),
      wantEnd: assign({ endWanted: true }),
      keepEnd: assign(({ context, event }) => {
        const end = endOf(context, event);
        if (!end) return {};
        return {
          report: event.type === 'pipeline.ended' ? withBound(context, event.report) : undefined,
          error: end.error,
          runs: withEnd(context.runs, nowMs(), end),
        };
      }),
      backOff: assign(({ context, event }) => {
        const end = endOf(context, event);
        if (!end || !context.restarts) return {};
        // What counts is the error that was kept of the end.
        const kept = { ...end, error: context.error };
        const { startAtMs, restarts } = nextRestart(context.restarts, kept, nowMs());
        return {
          restarts,
          deadlineAtMs: startAtMs,
          ending: undefined,
          runs: withKnown(context.runs, { nextStartAtMs: startAtMs }),
        };
      }),
      tellSpent: assign({
        error: ({ context: { restarts, error } }) => (restarts ? spentError(restarts.policy, error) : error),
      }),
      commandStart: emit({ type: 'command', command: 'start' }),
      commandPause: emit({ type: 'command', command: 'pause' }),
      commandResume: emit({ type: 'command', command: 'resume' }),
      commandDrain: emit({ type: 'command', command: 'drain' }),
      commandSuspend: emit({ type: 'command', command: 'suspend' }),
      commandBound: emit(({ context }) => ({
        type: 'command',
        command: context.ending === 'suspend' ? 'suspend' : 'drain',
      })),
      commandEnd: emit(({ context }) => ({
        type: 'command',
        command: 'end',
        ...(mayRestart(context) && { isFollowed: true }),
        ...(context.ending === 'deadline' && { isLate: true }),
      })),
    },
  }).createMachine({
    id: 'job',
    context: ({ input }) => input,
    initial: 'queued',
    states: {
      queued: {
        tags: 'live',
        on: {
          ...takesThread,
          ...takesPausesUntold,
          ...endsAtOnce,
          // No thread can be had. It has all of its restarts.
          'thread.lost': [backsOff, { target: 'failed', actions: 'keepEnd' }],
        },
      },
      starting: {
        tags: 'live',
        entry: { type: 'enter', params: { state: 'starting' } },
        on: {
          'actor.ready': [
            { guard: 'isPauseWanted', target: 'paused', actions: ['disarmDeadline', 'beginDuration'] },
            { target: 'running', actions: ['disarmDeadline', 'beginDuration'] },
          ],
          ...takesItsClaim,
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
          ...isGivenUpIfStuck,
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
          ...isGivenUpIfStuck,
          ...takesItsEnd,
          ...endsByReport,
          ...failsWithoutThread,
        },
      },
      draining: {
        tags: 'live',
        entry: { type: 'enter', params: { state: 'draining' } },
        on: {
          ...takesItsClaim,
          // Of a run that was given up, and may be followed by another one.
          'pause.requested': { guard: 'isPauseNewsForNext', actions: 'wantPause' },
          'resume.requested': { guard: 'isPauseWantedForNext', actions: 'forgetPause' },
          ...takesSoonerEnd,
          'stop.requested': [
            { guard: 'isDraining', actions: ['beginStop', 'commandEnd'] },
            { guard: 'mayRestart', actions: ['wantEnd', 'commandEnd'] },
          ],
          'deadline.passed': { guard: 'isDraining', actions: ['giveUpDrain', 'commandEnd'] },
          ...endsByReport,
          'thread.lost': [
            ...isRestarted,
            { guard: 'wasEndedByUs', target: 'stopped', actions: 'keepEnd' },
            { target: 'failed', actions: 'keepEnd' },
          ],
        },
      },
      backingOff: {
        tags: 'live',
        entry: { type: 'enter', params: { state: 'backingOff' } },
        on: {
          'deadline.passed': { actions: ['disarmDeadline', 'commandStart'] },
          ...takesThread,
          ...takesPausesUntold,
          ...endsAtOnce,
          ...failsWithoutThread,
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
      dead: {
        type: 'final',
        entry: [{ type: 'enter', params: { state: 'dead' } }, 'disarmDeadline'],
      },
    },
  });
}

export type JobMachine = ReturnType<typeof createJobMachine>;
