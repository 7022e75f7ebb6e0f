import { assign, emit, setup } from 'xstate';
import { Random, type RandomState } from '../../core/random.js';
import type { BreakerReason, BreakerState } from '../../shared-memory/breaker-memory.js';
import type { BreakerSettings } from './breaker-options.js';
import type { ToldState } from './told-state.js';

/** Milliseconds on the monotonic clock. Each event carries the instant at which it happened. */
interface Timed {
  readonly atMs: number;
}

/** The options that open times are drawn from. */
export type OpenTimeOptions = Pick<BreakerSettings, 'openMs' | 'openFactor' | 'openMsMax' | 'openJitter'>;

export type BreakerMachineEvent = Timed &
  (
    | { readonly type: 'tripped'; readonly reason: BreakerReason }
    /** The deadline in the context has passed. */
    | { readonly type: 'openTime.passed' }
    | { readonly type: 'probes.succeeded' }
    | { readonly type: 'probes.failed' }
    | { readonly type: 'hold' }
    | { readonly type: 'release' }
    | { readonly type: 'release.all' }
    | { readonly type: 'disable' }
    | { readonly type: 'enable' }
    | { readonly type: 'reset' }
    | { readonly type: 'configure'; readonly openTime: OpenTimeOptions }
    | ({ readonly type: 'told' } & ToldState)
  );

/** Plain data: a machine restored from it continues, and its owner sets a timer for `openUntilMs` again. */
export interface BreakerContext {
  /** Openings since the breaker was last closed. */
  readonly openings: number;
  /** Duration of the current opening or, if there is none, of the next one. */
  readonly openForMs: number;
  readonly openUntilMs?: number | undefined;
  readonly reason?: BreakerReason | undefined;
  /** Holds that have not been released. */
  readonly holds: number;
  /** Version of the last state that was told and applied; 0 before the first. */
  readonly toldVersion: number;
  readonly openTime: OpenTimeOptions;
  readonly random: RandomState;
}

/** What the machine emits on each step. */
export interface BreakerStep {
  readonly type: 'step';
  readonly state: BreakerState;
  readonly event: BreakerMachineEvent['type'];
}

/**
 * The states of a breaker: `closed → open → halfOpen → closed | open`, plus `heldOpen` and `disabled`,
 * which are set by hand.
 *
 * The machine holds no timer and no shared memory: the deadline is an instant in the context. It knows
 * nothing about single calls either; those are counted in shared memory.
 */
export function createBreakerMachine(settings: OpenTimeOptions, seed: number) {
  const isNew = (context: BreakerContext, event: BreakerMachineEvent, state: ToldState['state']) =>
    event.type === 'told' && event.state === state && event.version > context.toldVersion;
  return setup({
    types: {
      context: {} as BreakerContext,
      events: {} as BreakerMachineEvent,
      emitted: {} as BreakerStep,
      tags: {} as 'refusing',
    },
    guards: {
      isHeld: ({ context }) => context.holds > 0,
      isLastHold: ({ context }) => context.holds <= 1,
      isToldClosed: ({ context, event }) => isNew(context, event, 'closed'),
      isToldOpen: ({ context, event }) => isNew(context, event, 'open'),
      isToldHalfOpen: ({ context, event }) => isNew(context, event, 'halfOpen'),
    },
    actions: {
      startAnew: assign(({ context }) => start(context)),
      open: assign(({ context, event }) => ({
        openings: context.openings + 1,
        openUntilMs: event.atMs + context.openForMs,
        reason: event.type === 'tripped' ? event.reason : ('probesFailed' as const),
      })),
      growOpenTime: assign(({ context }) => drawOpenTime(context.openings, context)),
      // An opening that has begun keeps its time; the next one is drawn once the probes have failed.
      changeOpenTime: assign(({ context }, openTime: OpenTimeOptions) => ({
        openTime,
        ...(context.openings === 0 && drawOpenTime(0, { openTime, random: context.random })),
      })),
      noteTold: assign(({ context, event }) => ({
        toldVersion: event.type === 'told' ? event.version : context.toldVersion,
      })),
      openAsTold: assign(({ context, event }) => ({
        openings: context.openings + 1,
        openForMs: toldOpenMs(context, event),
        openUntilMs: event.atMs + toldOpenMs(context, event),
        reason: 'told' as const,
      })),
      openForNothing: assign(({ context, event }) => ({
        openings: context.openings + 1,
        openForMs: 0,
        openUntilMs: event.atMs,
        reason: 'told' as const,
      })),
      // The instant that it opened at stays; its deadline only moves to a later one.
      openLonger: assign(({ context, event }) => {
        const { openUntilMs = event.atMs, openForMs } = context;
        const moreMs = Math.max(0, event.atMs + toldOpenMs(context, event) - openUntilMs);
        return { openUntilMs: openUntilMs + moreMs, openForMs: openForMs + moreMs };
      }),
      disarm: assign({ openUntilMs: undefined }),
      addHold: assign({ holds: ({ context }) => context.holds + 1 }),
      dropHold: assign({ holds: ({ context }) => Math.max(0, context.holds - 1) }),
      dropHolds: assign({ holds: 0 }),
      blameHold: assign({ reason: 'heldByHand', openUntilMs: undefined }),
      tell: emit(({ event }, { state }: { state: BreakerState }) => ({
        type: 'step' as const,
        state,
        event: event.type,
      })),
    },
  }).createMachine({
    id: 'breaker',
    context: () => {
      const openTime = openTimeOf(settings);
      return { holds: 0, toldVersion: 0, openTime, ...start({ openTime, random: new Random(seed).state() }) };
    },
    initial: 'closed',
    on: {
      configure: { actions: { type: 'changeOpenTime', params: ({ event }) => openTimeOf(event.openTime) } },
    },
    states: {
      closed: {
        entry: { type: 'tell', params: { state: 'closed' } },
        on: {
          tripped: { target: 'open', actions: 'open' },
          hold: { target: 'heldOpen', actions: 'addHold' },
          disable: 'disabled',
          reset: { actions: 'startAnew' },
          told: [
            { guard: 'isToldClosed', actions: 'noteTold' },
            { guard: 'isToldOpen', target: 'open', actions: ['openAsTold', 'noteTold'] },
            // No breaker goes on trial without having been open, if only for an instant.
            { guard: 'isToldHalfOpen', target: 'open', actions: ['openForNothing', 'noteTold'] },
          ],
        },
      },
      open: {
        tags: 'refusing',
        entry: { type: 'tell', params: { state: 'open' } },
        on: {
          'openTime.passed': { target: 'halfOpen', actions: 'disarm' },
          hold: { target: 'heldOpen', actions: 'addHold' },
          disable: 'disabled',
          reset: { target: 'closed', actions: 'startAnew' },
          told: [
            { guard: 'isToldClosed', target: 'closed', actions: ['startAnew', 'noteTold'] },
            { guard: 'isToldOpen', actions: ['openLonger', 'noteTold'] },
            { guard: 'isToldHalfOpen', target: 'halfOpen', actions: ['disarm', 'noteTold'] },
          ],
        },
      },
      halfOpen: {
        entry: { type: 'tell', params: { state: 'halfOpen' } },
        on: {
          'probes.succeeded': { target: 'closed', actions: 'startAnew' },
          'probes.failed': { target: 'open', actions: ['growOpenTime', 'open'] },
          hold: { target: 'heldOpen', actions: 'addHold' },
          disable: 'disabled',
          reset: { target: 'closed', actions: 'startAnew' },
          told: [
            { guard: 'isToldClosed', target: 'closed', actions: ['startAnew', 'noteTold'] },
            { guard: 'isToldOpen', target: 'open', actions: ['growOpenTime', 'openAsTold', 'noteTold'] },
            { guard: 'isToldHalfOpen', actions: 'noteTold' },
          ],
        },
      },
      // What is done by hand here outranks what is told. That is not noted: told again after it, it counts.
      heldOpen: {
        tags: 'refusing',
        entry: ['blameHold', { type: 'tell', params: { state: 'heldOpen' } }],
        on: {
          hold: { actions: 'addHold' },
          release: [
            { guard: 'isLastHold', target: 'halfOpen', actions: 'dropHolds' },
            { actions: 'dropHold' },
          ],
          'release.all': { target: 'halfOpen', actions: 'dropHolds' },
          disable: 'disabled',
          // Only the caller that set a hold may release it, so reset forgets only how far the open time
          // has grown.
          reset: { actions: ['startAnew', 'blameHold'] },
        },
      },
      disabled: {
        entry: ['startAnew', { type: 'tell', params: { state: 'disabled' } }],
        on: {
          enable: [{ guard: 'isHeld', target: 'heldOpen' }, { target: 'closed' }],
          hold: { actions: 'addHold' },
          release: { guard: 'isHeld', actions: 'dropHold' },
          'release.all': { guard: 'isHeld', actions: 'dropHolds' },
        },
      },
    },
  });
}

export type BreakerMachine = ReturnType<typeof createBreakerMachine>;

/** The part of the settings that the machine goes by. */
const openTimeOf = ({ openMs, openFactor, openMsMax, openJitter }: OpenTimeOptions): OpenTimeOptions => ({
  openMs,
  openFactor,
  openMsMax,
  openJitter,
});

/** No longer than a breaker may be open by its own options. */
const toldOpenMs = ({ openForMs, openTime }: BreakerContext, event: BreakerMachineEvent): number => {
  const { openLeftMs = openForMs } = event.type === 'told' ? event : {};
  return Math.max(0, Math.min(openLeftMs, openTime.openMsMax));
};

type OpenTimeDraw = Pick<BreakerContext, 'openTime' | 'random'>;

const start = (from: OpenTimeDraw) => ({
  openings: 0,
  openUntilMs: undefined,
  reason: undefined,
  ...drawOpenTime(0, from),
});

/** Jitter is applied before the cap, so that the cap holds. */
function drawOpenTime(openings: number, { openTime, random: state }: OpenTimeDraw) {
  const random = new Random(state);
  const jitter = 1 + openTime.openJitter * (2 * random.next() - 1);
  const grown = openTime.openMs * openTime.openFactor ** openings * jitter;
  return { openForMs: Math.min(grown, openTime.openMsMax), random: random.state() };
}
