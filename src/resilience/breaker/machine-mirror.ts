import { type Actor, createActor, type InspectionEvent, type SnapshotFrom, transition } from 'xstate';
import type { Clock, TimerHandle } from '../../core/clock.js';
import { InvalidBreakerError } from '../../core/errors.js';
import { InvariantError } from '../../core/invariant.js';
import { type Nanos, toMillisCeil } from '../../core/units.js';
import {
  BREAKER_REASONS,
  BREAKER_STATES,
  type BreakerState,
  CLOSED,
  DISABLED,
  epochOf,
  HALF_OPEN,
  HELD_OPEN,
  nextEpoch,
  OPEN,
  OPEN_FOR_CELL,
  OPENED_AT_CELL,
  PROBE_FAILED,
  PROBE_SUCCEEDED,
  PROBES_CELL,
  packWord,
  probeHolder,
  reasonName,
  reasonOf,
  SIGNAL_CELL,
  stateName,
  stateOf,
  WORD_CELL,
} from '../../shared-memory/breaker-memory.js';
import type { BreakerCells } from './breaker-cells.js';
import type { BreakerEvent, BreakerEvents } from './breaker-events.js';
import {
  type BreakerContext,
  type BreakerMachine,
  type BreakerMachineEvent,
  type BreakerStep,
  createBreakerMachine,
} from './breaker-machine.js';
import type { BreakerSaved, BreakerSettings } from './breaker-options.js';
import { ChangeWatch } from './change-watch.js';
import { restoreSituation, saveSituation } from './saved-situation.js';
import { signalOwner } from './signals.js';
import { TripConditions } from './trip-conditions.js';

export interface MirrorContext {
  readonly clock: Clock;
  readonly seed: number;
  readonly inspect?: ((event: InspectionEvent) => void) | undefined;
  readonly saved?: BreakerSaved | undefined;
  /** For tests: a machine with its own actions, and an epoch to begin with. */
  readonly machine?: BreakerMachine;
  readonly epoch?: number;
}

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
  readonly #settings: BreakerSettings;
  readonly #clock: Clock;
  readonly #cells: BreakerCells;
  readonly #conditions: TripConditions;
  readonly #events: BreakerEvents;
  readonly #signals: ChangeWatch;
  readonly #machine: BreakerMachine;
  readonly #actor: Actor<BreakerMachine>;
  readonly #steps: BreakerStep[] = [];
  /** Control word that matches the state of the machine. */
  #word: number;
  /** Slots of the probes already reported in the current half-open phase. */
  readonly #toldProbes = new Set<number>();
  #timer: { readonly word: number; readonly handle: TimerHandle } | undefined;
  #isSending = false;
  /** `broken` and `closed` are final. */
  #life: 'live' | 'broken' | 'closed' = 'live';

  constructor(cells: BreakerCells, settings: BreakerSettings, events: BreakerEvents, context: MirrorContext) {
    const { clock, seed, inspect, saved, epoch = 0 } = context;
    this.#name = settings.name;
    this.#settings = settings;
    this.#clock = clock;
    this.#cells = cells;
    this.#conditions = new TripConditions(cells, settings);
    this.#events = events;
    this.#signals = new ChangeWatch(cells.words, SIGNAL_CELL);
    this.#machine = context.machine ?? createBreakerMachine(settings, seed);
    this.#actor = createActor(this.#machine, {
      id: settings.name,
      ...(inspect && { inspect: (event: InspectionEvent) => this.#inspect(inspect, event) }),
      ...(saved && { snapshot: restoreSituation(this.#machine, saved, clock) }),
    });
    this.#actor.on('step', (step) => this.#steps.push(step));
    // Without an observer, XState throws the error where nobody can catch it; `#send` checks for it
    // instead.
    this.#actor.subscribe({ error: () => {} });
    this.#actor.start();
    this.#steps.length = 0;
    const { value, context: at } = this.#actor.getSnapshot();
    this.#word = this.#prepare(value, at, packWord(CLOSED, 0, epoch), clock.now());
    Atomics.store(cells.words, WORD_CELL, this.#word);
    this.#arm();
    void this.#listen();
  }

  get isLive(): boolean {
    return this.#life === 'live';
  }

  save(): BreakerSaved {
    this.mustLive();
    this.follow();
    return saveSituation(this.#actor.getSnapshot(), this.#clock);
  }

  /** Ends the machine. From now on, threads do what `whenBroken` says. */
  close(): void {
    if (this.#life === 'closed') return;
    if (this.#life === 'live') this.#leaveToThreads('ownerClosed');
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
        this.#tellProbes(epochOf(word));
        const verdict = this.#cells.probes.verdict(epochOf(word));
        if (verdict === 'undecided') break;
        this.#step(verdict === 'succeeded' ? 'probes.succeeded' : 'probes.failed');
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
        const atMs = Number(this.#cells.openedAt()) / NS_PER_MS;
        this.#send({ type: 'tripped', reason: reasonName(word), atMs });
        break;
      }
      case OPEN:
        this.#word = packWord(HALF_OPEN, reasonOf(from), nextEpoch(from));
        this.#toldProbes.clear();
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
  apply(type: Exclude<BreakerMachineEvent['type'], 'tripped'>): void {
    this.mustLive();
    if (this.#isSending) {
      throw new InvalidBreakerError(
        `An inspector of breaker "${this.#name}" may only observe, not call "${type}"`,
      );
    }
    try {
      do this.follow();
      while (this.#life === 'live' && !this.#step(type));
    } catch (error) {
      this.#break(error);
    }
    this.follow();
  }

  /**
   * Computes the step, writes it to memory, and sends it.
   *
   * @returns `false` if another thread took a step first; then nothing has changed.
   */
  #step(type: Exclude<BreakerMachineEvent['type'], 'tripped'>): boolean {
    const now = this.#clock.now();
    const event: BreakerMachineEvent = { type, atMs: Number(now) / NS_PER_MS };
    const before = this.#actor.getSnapshot();
    const [after] = transition(this.#machine, before, event);
    if (after.value !== before.value || (type === 'reset' && after.value === 'closed')) {
      const from = this.#word;
      const to = this.#prepare(after.value, after.context, from, now);
      if (!this.#cells.move(from, to)) return false;
      this.#word = to;
      if (stateOf(from) === HALF_OPEN) this.#cells.probes.forget(epochOf(from));
    }
    this.#send(event);
    return true;
  }

  /**
   * Writes the data of a state before the word that begins it.
   *
   * @returns That word.
   */
  #prepare(state: BreakerState, context: BreakerContext, from: number, now: Nanos): number {
    const { longs } = this.#cells;
    const { openForMs, reason } = context;
    const epoch = nextEpoch(from);
    this.#conditions.begin(epoch);
    if (state === 'closed') {
      this.#conditions.forget();
      // Differs from every earlier value, so that a thread that slept while opening cannot write its old
      // instant.
      Atomics.store(longs, OPENED_AT_CELL, BigInt(-1 - epoch));
    } else if (state === 'open' || state === 'heldOpen') {
      Atomics.store(longs, OPENED_AT_CELL, now);
    }
    Atomics.store(longs, OPEN_FOR_CELL, BigInt(Math.ceil(openForMs * NS_PER_MS)));
    this.#toldProbes.clear();
    return packWord(BREAKER_STATES.indexOf(state), BREAKER_REASONS.indexOf(reason ?? 'none'), epoch);
  }

  #send(event: BreakerMachineEvent): void {
    this.#isSending = true;
    try {
      this.#actor.send(event);
    } finally {
      this.#isSending = false;
    }
    const { status, error, context } = this.#actor.getSnapshot() as Situation & { error?: unknown };
    if (status === 'error') throw error;
    for (const step of this.#steps.splice(0)) this.#events.tell(this.#describe(step, context));
  }

  #describe({ state, event }: BreakerStep, context: BreakerContext): BreakerEvent {
    const breaker = this.#name;
    switch (state) {
      case 'open': {
        const { reason = 'none', openForMs, openings } = context;
        return { type: 'opened', breaker, reason, openForMs, openings };
      }
      case 'halfOpen':
        return { type: 'halfOpened', breaker };
      case 'closed': {
        const cause = event === 'probes.succeeded' ? 'probes' : event === 'enable' ? 'enabled' : 'reset';
        return { type: 'closed', breaker, cause };
      }
      case 'heldOpen':
        return { type: 'heldOpen', breaker };
      case 'disabled':
        return { type: 'disabled', breaker };
    }
  }

  #tellProbes(epoch: number): void {
    for (let slot = 0; slot < this.#settings.probes; slot++) {
      const outcome = this.#cells.probes.outcome(slot, epoch);
      if (outcome !== PROBE_SUCCEEDED && outcome !== PROBE_FAILED) continue;
      if (this.#toldProbes.has(slot)) continue;
      this.#toldProbes.add(slot);
      const thread = probeHolder(Atomics.load(this.#cells.longs, PROBES_CELL + slot));
      this.#events.tell({
        type: 'probe',
        breaker: this.#name,
        outcome: outcome === PROBE_SUCCEEDED ? 'succeeded' : 'failed',
        thread,
      });
    }
  }

  /** The machine has failed. Nothing is decided without it, so the failure must be reported. */
  #break(error: unknown): void {
    if (this.#life !== 'live') return;
    this.#life = 'broken';
    this.#disarm();
    this.#leaveToThreads('machineBroken');
    this.#events.tell({ type: 'error', breaker: this.#name, in: 'machine', error });
  }

  #leaveToThreads(reason: 'machineBroken' | 'ownerClosed'): void {
    const state = this.#settings.whenBroken === 'fail-open' ? DISABLED : HELD_OPEN;
    let word: number;
    do {
      word = this.#cells.load();
      if (stateOf(word) === CLOSED) Atomics.store(this.#cells.longs, OPENED_AT_CELL, this.#clock.now());
    } while (!this.#cells.move(word, packWord(state, BREAKER_REASONS.indexOf(reason), nextEpoch(word))));
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

  #inspect(inspect: (event: InspectionEvent) => void, event: InspectionEvent): void {
    try {
      inspect(event);
    } catch (error) {
      this.#events.tell({ type: 'error', breaker: this.#name, in: 'listener', error });
    }
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
