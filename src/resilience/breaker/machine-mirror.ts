import { isDeepStrictEqual } from 'node:util';
import { type Actor, createActor, type SnapshotFrom, transition } from 'xstate';
import type { Clock, TimerHandle } from '../../core/clock.js';
import { InvalidBreakerError } from '../../core/errors.js';
import { InvariantError } from '../../core/invariant.js';
import type { InspectMachine, MachineInspection } from '../../core/machine-inspection.js';
import { type Nanos, toMillisCeil } from '../../core/units.js';
import {
  CLOSED,
  epochOf,
  HALF_OPEN,
  nextEpoch,
  OPEN,
  packWord,
  reasonName,
  reasonOf,
  SIGNAL_CELL,
  stateName,
  stateOf,
  WORD_CELL,
} from '../../shared-memory/breaker-memory.js';
import type { BreakerCells } from './breaker-cells.js';
import type { BreakerEvents } from './breaker-events.js';
import {
  type BreakerMachine,
  type BreakerMachineEvent,
  type BreakerStep,
  createBreakerMachine,
} from './breaker-machine.js';
import type { BreakerSettings } from './breaker-options.js';
import type { BreakerSaved } from './breaker-saved.js';
import type { BreakerStatus } from './breaker-status.js';
import { ChangeWatch } from './change-watch.js';
import type { MirrorContext } from './mirror-context.js';
import { OwnerMemory } from './owner-memory.js';
import { ProbeReports } from './probe-reports.js';
import { restoreOutcomes, restoreSituation, saveSituation } from './saved-situation.js';
import { signalOwner } from './signals.js';
import { stepEvent } from './step-event.js';
import type { ToldState } from './told-state.js';
import type { BreakerGauges } from './trip-conditions.js';
import { callUser } from './user-callback.js';

/** A step that this thread decides, without its instant. */
type Decision = Untimed<Exclude<BreakerMachineEvent, { readonly type: 'tripped' }>>;
type Untimed<Event> = Event extends unknown ? Omit<Event, 'atMs'> : never;
/** Decisions by hand that need no more than their name. */
export type PlainDecision = Exclude<
  Decision['type'],
  'configure' | 'told' | 'openTime.passed' | 'probes.succeeded' | 'probes.failed'
>;

type Situation = SnapshotFrom<BreakerMachine>;

const NS_PER_MS = 1e6;

/**
 * The machine of a breaker, kept in step with the state in shared memory.
 *
 * Most steps start at the machine: whatever is done by hand or follows from the probes is computed on the
 * machine, written to memory by compare-and-swap, and only then sent to the actor. Two steps start in
 * memory, since any thread may take them: closed → open and open → half-open. `follow` sends them to the
 * machine, before anything else is sent.
 */
export class MachineMirror {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #cells: BreakerCells;
  readonly #events: BreakerEvents;
  readonly #probeReports: ProbeReports;
  readonly #signals: ChangeWatch;
  readonly #machine: BreakerMachine;
  readonly #actor: Actor<BreakerMachine>;
  readonly #steps: BreakerStep[] = [];
  readonly #memory: OwnerMemory;
  /** Control word that matches the state of the machine. */
  #word: number;
  #timer: { readonly word: number; readonly handle: TimerHandle } | undefined;
  #isSending = false;
  /** `broken` and `closed` are final. */
  #life: 'live' | 'broken' | 'closed' = 'live';

  constructor(cells: BreakerCells, settings: BreakerSettings, events: BreakerEvents, context: MirrorContext) {
    const { clock, seed, inspect, saved, epoch = 0 } = context;
    this.#name = settings.name;
    this.#clock = clock;
    this.#cells = cells;
    this.#events = events;
    this.#probeReports = new ProbeReports(settings.name, cells, events);
    this.#signals = new ChangeWatch(cells.words, SIGNAL_CELL);
    this.#memory = new OwnerMemory(cells, settings, clock);
    // The cast: see the context.
    this.#machine = (context.machine as BreakerMachine | undefined) ?? createBreakerMachine(settings, seed);
    this.#actor = createActor(this.#machine, {
      id: settings.name,
      ...(inspect && { inspect: (event) => this.#inspect(inspect, event) }),
      ...(saved && { snapshot: restoreSituation(this.#machine, saved, clock) }),
    });
    this.#actor.on('step', (step) => this.#steps.push(step));
    // Without an observer, XState throws the error where nobody can catch it; `#send` checks for it
    // instead.
    this.#actor.subscribe({ error: () => {} });
    this.#actor.start();
    this.#steps.length = 0;
    const outcomes = saved?.state === 'closed' ? restoreOutcomes(saved, clock) : {};
    const from = packWord(CLOSED, 0, epoch);
    this.#word = this.#memory.prepare(this.#actor.getSnapshot(), from, clock.now(), outcomes);
    Atomics.store(cells.words, WORD_CELL, this.#word);
    this.#arm();
    void this.#listen();
  }

  get settings(): BreakerSettings {
    return this.#memory.settings;
  }

  /** Frees the probes of a dead thread. @returns How many they were. */
  reclaimProbes(threadId: number): number {
    return this.#memory.rules.probes.reclaim(threadId);
  }

  get isLive(): boolean {
    return this.#life === 'live';
  }

  save(): BreakerSaved {
    this.mustLive();
    this.follow();
    const now = this.#clock.now();
    return saveSituation(this.#actor.getSnapshot(), this.#memory.outcomes(this.#word, now), this.#clock);
  }

  status(): BreakerStatus {
    this.follow();
    const word = this.#cells.load();
    const state = stateOf(word);
    const reason = reasonName(word);
    const now = this.#clock.now();
    const { openings, holds } = this.#actor.getSnapshot().context;
    return {
      state: stateName(word),
      ...(reason !== 'none' && { reason }),
      ...(state === OPEN && { openLeftMs: Math.max(0, Number(this.#cells.openUntil() - now) / NS_PER_MS) }),
      openings,
      holds,
      ...(state === CLOSED && { gauges: this.#memory.rules.conditions.gauges(epochOf(word), now) }),
    };
  }

  /** Ends the machine. From now on, threads do what `whenBroken` says. */
  close(): void {
    if (this.#life === 'closed') return;
    if (this.#life === 'live') this.#memory.leaveToThreads('ownerClosed');
    this.#life = 'closed';
    this.#disarm();
    this.#actor.stop();
    signalOwner(this.#cells.words);
  }

  async #listen(): Promise<void> {
    while (this.#life === 'live') {
      const seen = this.#signals.seen();
      this.follow();
      await this.#signals.changed(seen, { clock: this.#clock });
    }
  }

  /** Sends the machine the steps that threads took in memory, and applies the verdict on their probes. */
  follow(): void {
    try {
      while (this.#life === 'live' && !this.#isSending) {
        const word = this.#cells.load();
        if (word !== this.#word) {
          this.#followStep(word);
          continue;
        }
        if (stateOf(word) !== HALF_OPEN) break;
        const { probes } = this.#memory.rules;
        this.#probeReports.tell(probes, epochOf(word));
        const verdict = probes.verdict(epochOf(word));
        if (verdict === 'undecided') break;
        this.#step({ type: verdict === 'succeeded' ? 'probes.succeeded' : 'probes.failed' });
      }
      this.#arm();
    } catch (error) {
      this.#break(error);
    }
  }

  /** Takes the first step from the machine's state towards the state in memory. */
  #followStep(word: number): void {
    const from = this.#word;
    switch (stateOf(from)) {
      case CLOSED: {
        this.#word = packWord(OPEN, reasonOf(word), nextEpoch(from));
        const openedAt = this.#cells.openedAt();
        const gauges = this.#memory.rules.conditions.gauges(epochOf(from), openedAt);
        this.#send({ type: 'tripped', reason: reasonName(word), atMs: Number(openedAt) / NS_PER_MS }, gauges);
        // A step that lost the race to this opening may have written its own open time.
        this.#memory.openFor(this.#actor.getSnapshot().context.openForMs);
        break;
      }
      case OPEN:
        this.#word = packWord(HALF_OPEN, reasonOf(from), nextEpoch(from));
        this.#probeReports.forget();
        this.#send({ type: 'openTime.passed', atMs: this.#nowMs() });
        break;
      default:
        throw new InvariantError(
          `Broken invariant: only this thread takes "${this.#name}" out of ${stateName(from)}, found ${stateName(word)}`,
        );
    }
  }

  /**
   * Applies a step that this thread decides.
   *
   * @throws {InvalidBreakerError} if the breaker was closed down or has lost its machine.
   */
  apply(type: PlainDecision): void {
    this.#apply({ type });
  }

  /**
   * Goes to a state that was found elsewhere, unless it is old news, or the breaker is held or disabled by hand.
   *
   * @throws {InvalidBreakerError} as `apply`.
   */
  tell(told: ToldState): void {
    this.#apply({ type: 'told', ...told });
    if (!this.isLive || stateOf(this.#word) !== OPEN) return;
    this.#cells.beginProbing(this.#word, this.#clock.now()); // if it is on trial elsewhere
    this.follow();
  }

  /** Version of the last state that was told and applied. */
  get toldVersion(): number {
    return this.#actor.getSnapshot().context.toldVersion;
  }

  /**
   * Changes the options of all threads. What is counted stays counted, and decides with the next outcome.
   *
   * @throws {InvalidBreakerError} as `apply`.
   */
  configure(settings: BreakerSettings): void {
    this.mustLive();
    if (isDeepStrictEqual(settings, this.settings)) return;
    this.#apply({ type: 'configure', openTime: settings }, settings);
    if (this.isLive) this.#events.tell({ type: 'configured', breaker: this.#name });
  }

  #apply(decision: Decision, settings?: BreakerSettings): void {
    this.mustLive();
    if (this.#isSending) {
      throw new InvalidBreakerError(
        `An inspector of breaker "${this.#name}" may only observe, not call "${decision.type}"`,
      );
    }
    try {
      do this.follow();
      while (this.#life === 'live' && !this.#step(decision, settings));
    } catch (error) {
      this.#break(error);
    }
    this.follow();
  }

  /**
   * Computes the step, writes it to memory, and sends it.
   *
   * @param settings - New ones, which begin with the step.
   * @returns `false` if another thread took a step first; then nothing has changed but the settings.
   */
  #step(decision: Decision, settings?: BreakerSettings): boolean {
    const now = this.#clock.now();
    const event: BreakerMachineEvent = { ...decision, atMs: Number(now) / NS_PER_MS };
    const before = this.#actor.getSnapshot();
    const [after] = transition(this.#machine, before, event);
    const isForgotten = event.type === 'reset' && after.value === 'closed';
    const isLonger = after.value === 'open' && after.context.openForMs !== before.context.openForMs;
    if (after.value !== before.value || isForgotten || isLonger || settings) {
      const from = this.#word;
      const { probes } = this.#memory.rules;
      const outcomes = settings ? this.#memory.outcomes(from, now) : {};
      if (settings) this.#memory.adopt(settings);
      const to = this.#memory.prepare(after, from, now, outcomes);
      if (!this.#cells.move(from, to)) return false;
      this.#word = to;
      this.#probeReports.forget();
      if (stateOf(from) === HALF_OPEN) probes.forget(epochOf(from));
    }
    this.#send(event);
    return true;
  }

  /** @param gauges - What the conditions had counted, if they opened the breaker. */
  #send(event: BreakerMachineEvent, gauges?: BreakerGauges): void {
    this.#isSending = true;
    try {
      this.#actor.send(event);
    } finally {
      this.#isSending = false;
    }
    const { status, error, context } = this.#actor.getSnapshot() as Situation & { error?: unknown };
    if (status === 'error') throw error;
    for (const step of this.#steps.splice(0)) {
      this.#events.tell(stepEvent(this.#name, step, context, gauges));
    }
  }

  /** The machine has failed. Nothing is decided without it, so the failure must be reported. */
  #break(error: unknown): void {
    if (this.#life !== 'live') return;
    this.#life = 'broken';
    this.#disarm();
    this.#memory.leaveToThreads('machineBroken');
    this.#events.tell({ type: 'error', breaker: this.#name, in: 'machine', error });
  }

  /** Sets the timer for the end of the open time, in case no thread moves on by then. */
  #arm(): void {
    if (this.#timer && this.#life === 'live' && this.#timer.word === this.#word) return;
    this.#disarm();
    if (this.#life !== 'live' || stateOf(this.#word) !== OPEN) return;
    const word = this.#word;
    const left = (this.#cells.openUntil() - this.#clock.now()) as Nanos;
    const handle = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      // A timer may fire early: then the open time is not over yet, and the timer is set again.
      this.#cells.beginProbing(word, this.#clock.now());
      this.follow();
    }, toMillisCeil(left));
    this.#clock.unref?.(handle);
    this.#timer = { word, handle };
  }

  #disarm(): void {
    if (this.#timer) this.#clock.clearTimeout(this.#timer.handle);
    this.#timer = undefined;
  }

  #inspect(inspect: InspectMachine, event: MachineInspection): void {
    callUser(
      () => inspect(event),
      (error) => this.#events.tellError('listener', error),
    );
  }

  /** @throws {InvalidBreakerError} if the breaker was closed down or has lost its machine. */
  mustLive(): void {
    if (this.#life === 'live') return;
    throw new InvalidBreakerError(
      this.#life === 'closed'
        ? `Breaker "${this.#name}" was closed down`
        : `Breaker "${this.#name}" has lost its machine; create it again`,
    );
  }

  #nowMs(): number {
    return Number(this.#clock.now()) / NS_PER_MS;
  }
}
