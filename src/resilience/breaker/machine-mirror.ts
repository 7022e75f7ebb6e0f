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
  /** For tests: a machine with actions of its own, and an epoch to begin with. */
  readonly machine?: BreakerMachine;
  readonly epoch?: number;
}

type Situation = SnapshotFrom<BreakerMachine>;

const NS_PER_MS = 1e6;

/**
 * The machine of a breaker, and the memory that is to say the same.
 *
 * The machine is first for all but two steps: what is done by hand, and what follows from the probes,
 * is worked out on the machine, written to the memory by compare-and-swap, and only then sent. Closed →
 * open and open → half-open are first in the memory, since any thread may take them. They are sent to
 * the machine as soon as this thread looks (`follow`), and before anything else is.
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
  /** Control word that stands for where the machine is. */
  #word: number;
  /** Probes whose end was told, in the half-open time that goes on. */
  readonly #toldProbes = new Set<number>();
  #timer: { readonly word: number; readonly handle: TimerHandle } | undefined;
  #isSending = false;
  /** `broken` and `closed` are for good. */
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
    // Without an observer, the engine throws it where nobody can catch it; `#send` looks for it.
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

  /** Threads do from now on what `whenBroken` says. */
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

  /** Sends the machine what threads have done to the memory, and decides what their probes have shown. */
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

  /** The first step from where the machine is to what the memory says. */
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
   * Something that this thread decides.
   *
   * @throws {InvalidBreakerError} if it was closed down or has lost its machine.
   */
  apply(type: Exclude<BreakerMachineEvent['type'], 'tripped'>): void {
    this.mustLive();
    if (this.#isSending) {
      throw new InvalidBreakerError(
        `An inspector of breaker "${this.#name}" may look, but not call "${type}"`,
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
   * Works out the step, writes it to the memory, and sends it.
   *
   * @returns `false` when a thread was faster with a step of its own: nothing has happened.
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

  /** Writes what goes with a state before the word that begins it. @returns That word. */
  #prepare(state: BreakerState, context: BreakerContext, from: number, now: Nanos): number {
    const { longs } = this.#cells;
    const { openForMs, reason } = context;
    const epoch = nextEpoch(from);
    this.#conditions.begin(epoch);
    if (state === 'closed') {
      this.#conditions.forget();
      // Unlike any before, so that a thread which slept on its way to open it cannot write its old instant.
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

  /** The machine is dead. Without it nothing is decided any more, so that somebody must hear of it. */
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

  /** Open: wakes up when that is over, if no thread has gone on by then. */
  #arm(): void {
    if (this.#timer && this.#life === 'live' && this.#timer.word === this.#word) return;
    this.#disarm();
    if (this.#life !== 'live' || stateOf(this.#word) !== OPEN) return;
    const word = this.#word;
    const left = (this.#cells.openUntil() - this.#clock.now()) as Nanos;
    const handle = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      // A timer may be early: then nothing is over yet, and it is armed again.
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

  /** @throws {InvalidBreakerError} if it was closed down or has lost its machine. */
  mustLive(): void {
    if (this.#life === 'live') return;
    throw new InvalidBreakerError(
      this.#life === 'closed'
        ? `Breaker "${this.#name}" was closed down`
        : `Breaker "${this.#name}" has lost its machine; make it anew`,
    );
  }

  #nowMs(): number {
    return Number(this.#clock.now()) / NS_PER_MS;
  }
}
