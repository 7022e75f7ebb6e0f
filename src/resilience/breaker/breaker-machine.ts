import { assign, emit, setup } from 'xstate';
import { Random, type RandomState } from '../../core/random.js';
import type { BreakerReason, BreakerState } from '../../shared-memory/breaker-memory.js';
import type { BreakerSettings } from './breaker-options.js';

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
      return { holds: 0, openTime, ...start({ openTime, random: new Random(seed).state() }) };
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
        },
      },
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
