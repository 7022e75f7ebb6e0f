import { assign, emit, setup } from 'xstate';
import type { Clock } from '../core/clock.js';
import { cutText } from '../core/shown-text.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import type { PendingStart } from '../wire/start-step.js';
import type { JobState, JobTransition } from './job.js';
import { withBound } from './job-bounds.js';
import { HISTORY_MAX, type JobCommand, type JobContext, type JobEvent } from './job-context.js';
import { withEnd, withKnown, withRun } from './job-runs.js';
import {
  backsOff,
  endsAtOnce,
  endsByReport,
  failsWithoutThread,
  goesBack,
  isDeadForGroup,
  isGivenUpIfStuck,
  isRestarted,
  takesItsClaim,
  takesItsEnd,
  takesPauses,
  takesPausesUntold,
  takesSoonerEnd,
  takesThread,
} from './job-transitions.js';
import { areSpent, nextRestart, spentError } from './restart-policy.js';
import {
  endOf,
  fallsBack,
  isAllDelivered,
  isFollowed,
  isForGood,
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
 * `starting | running | paused → backingOff → starting`, or `dead` once its restarts are spent. A restart that was asked
 * for goes `starting | running | paused → restarting → backingOff → starting`, with a restart policy or without. If it has
 * a changed spec and does not come to run, it is followed by one with the spec before, whatever the policy says.
 *
 * Losing the thread leads out of every state but the last four. A hard stop, a start that took too long and a run that
 * is stuck pass through `draining` as well: this is the state of any run on its way out. What the user asked for last goes
 * before the policy: a job that was to stop, to drain or to suspend is not started again, and neither is one that has come
 * to a bound. The machine holds no timer: deadlines are instants in the context.
 */
export function createJobMachine(clock: Clock) {
  const nowMs = () => Number(clock.wall() / NANOS_PER_MILLI);

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
        'deadlineAtMs' in event &&
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
      fallsBack: ({ context, event }) => fallsBack(context, event),
      isForGood: ({ context, event }) => isForGood(context, event),
      isAllDelivered: ({ context, event }) => isAllDelivered(context, event),
      isToBeDead: ({ context, event }) => context.groupError !== undefined && !isAllDelivered(context, event),
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
            ...(state === 'backingOff' && context.restart && { isRequested: true as const }),
          };
          return [...context.history, transition].slice(-HISTORY_MAX);
        },
      }),
      beginRun: assign(({ context, event }) => ({
        deadlineAtMs: event.type === 'thread.assigned' ? event.deadlineAtMs : undefined,
        runs: withRun(context.runs, nowMs(), event.type === 'thread.assigned' ? event.revision : undefined),
        isFenced: event.type === 'thread.assigned' ? event.isFenced : undefined,
        restart: undefined,
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
      /** Of a run that ends already: in the way that was asked for, or since it was given up. */
      keepBound: assign(({ event }) => (event.type === 'bound.reached' ? { boundReached: event.bound } : {})),
      beginDuration: assign({
        durationAtMs: ({ context: { bounds, durationAtMs } }) =>
          durationAtMs ?? (bounds?.maxDurationMs === undefined ? undefined : nowMs() + bounds.maxDurationMs),
      }),
      beginStop: assign({ ending: 'stop', deadlineAtMs: undefined }),
      beginEnd: assign(({ event }) =>
        'how' in event
          ? { ending: event.how, deadlineAtMs: event.how === 'stop' ? undefined : event.deadlineAtMs }
          : {},
      ),
      wantRestart: assign(({ event }) =>
        event.type === 'restart.requested'
          ? { restart: event.restart, ...(event.restart.isOnTrial && { isOnTrial: true }) }
          : {},
      ),
      forgetRestart: assign({ restart: undefined }),
      wantDeath: assign(({ event }) =>
        event.type === 'group.spent' ? { restart: undefined, groupError: event.error } : {},
      ),
      tellGroupError: assign({ error: ({ context: { groupError, error } }) => groupError ?? error }),
      /** Without a wait of the policy, and without a change to what it counts. */
      startAgain: assign(({ context, event }) => {
        const startAtMs = Math.max(nowMs(), context.restart?.startAtMs ?? 0);
        const isStable = endOf(context, event)?.isStable === true;
        return {
          deadlineAtMs: startAtMs,
          ending: undefined,
          runs: withKnown(context.runs, { nextStartAtMs: startAtMs }),
          ...(isStable && context.restarts && { restarts: { ...context.restarts, endsInRow: 0 } }),
        };
      }),
      passTrial: assign({ isOnTrial: undefined }),
      /** As `startAgain`, at once. */
      fallBack: assign(({ context }) => ({
        isOnTrial: undefined,
        restart: { reason: 'the changed spec did not run' },
        deadlineAtMs: nowMs(),
        ending: undefined,
        runs: withKnown(context.runs, { nextStartAtMs: nowMs() }),
      })),
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
          restart: undefined,
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
        ...(isFollowed(context) && { isFollowed: true }),
        ...(context.ending === 'deadline' && { isLate: true }),
      })),
      /** What a request that says how the run is to end asks for. */
      commandAsAsked: emit(({ context: { ending, restart } }) =>
        ending === 'drain' || ending === 'suspend'
          ? { type: 'command', command: ending }
          : { type: 'command', command: 'end', ...(restart && { isFollowed: true }) },
      ),
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
            {
              guard: 'isPauseWanted',
              target: 'paused',
              actions: ['disarmDeadline', 'passTrial', 'beginDuration'],
            },
            { target: 'running', actions: ['disarmDeadline', 'passTrial', 'beginDuration'] },
          ],
          ...takesItsClaim,
          ...takesPauses,
          ...takesItsEnd,
          'deadline.passed': { target: 'draining', actions: ['giveUpStart', 'commandEnd'] },
          'pipeline.ended': [goesBack, ...endsByReport['pipeline.ended']],
          'thread.lost': [goesBack, ...failsWithoutThread['thread.lost']],
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
          'bound.reached': { guard: 'mayRestart', actions: ['wantEnd', 'keepBound', 'commandEnd'] },
          'stop.requested': [
            { guard: 'isDraining', actions: ['beginStop', 'commandEnd'] },
            { guard: 'mayRestart', actions: ['wantEnd', 'commandEnd'] },
          ],
          'deadline.passed': { guard: 'isDraining', actions: ['giveUpDrain', 'commandEnd'] },
          // Of a run that was given up. What ends otherwise ends as its user asked for.
          'group.spent': { guard: 'mayRestart', actions: 'wantDeath' },
          'pipeline.ended': [isDeadForGroup, goesBack, ...endsByReport['pipeline.ended']],
          'thread.lost': [
            isDeadForGroup,
            goesBack,
            ...isRestarted,
            { guard: 'wasEndedByUs', target: 'stopped', actions: 'keepEnd' },
            { target: 'failed', actions: 'keepEnd' },
          ],
        },
      },
      // What the user asks for now goes before the restart, and ends the job with this run. So does a bound.
      restarting: {
        tags: 'live',
        entry: { type: 'enter', params: { state: 'restarting' } },
        on: {
          ...takesItsClaim,
          ...takesPausesUntold,
          'drain.requested': [
            { guard: 'isSooner', target: 'draining', actions: ['forgetRestart', 'armDeadline'] },
            { target: 'draining', actions: 'forgetRestart' },
          ],
          'suspend.requested': [
            { guard: 'isSooner', target: 'draining', actions: ['forgetRestart', 'armDeadline'] },
            { target: 'draining', actions: 'forgetRestart' },
          ],
          'stop.requested': { target: 'draining', actions: ['forgetRestart', 'beginStop', 'commandEnd'] },
          'bound.reached': { target: 'draining', actions: ['forgetRestart', 'keepBound'] },
          'group.spent': { target: 'draining', actions: 'wantDeath' },
          'restart.requested': { guard: 'isSooner', actions: 'armDeadline' },
          'deadline.passed': { guard: 'isDraining', actions: ['giveUpDrain', 'commandEnd'] },
          'pipeline.ended': [
            { guard: 'isAllDelivered', target: 'completed', actions: ['keepEnd', 'forgetRestart'] },
            { guard: 'isForGood', target: 'failed', actions: ['keepEnd', 'forgetRestart'] },
            { target: 'backingOff', actions: ['keepEnd', 'startAgain'] },
          ],
          'thread.lost': [
            { guard: 'isForGood', target: 'failed', actions: ['keepEnd', 'forgetRestart'] },
            { target: 'backingOff', actions: ['keepEnd', 'startAgain'] },
          ],
        },
      },
      backingOff: {
        tags: 'live',
        entry: { type: 'enter', params: { state: 'backingOff' } },
        on: {
          'deadline.passed': { actions: ['disarmDeadline', 'commandStart'] },
          'restart.requested': {
            target: 'backingOff',
            reenter: true,
            actions: ['wantRestart', 'startAgain'],
          },
          ...takesThread,
          ...takesPausesUntold,
          ...endsAtOnce,
          'thread.lost': [goesBack, ...failsWithoutThread['thread.lost']],
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
