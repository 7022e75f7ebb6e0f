import { randomId } from '../../core/random-id.js';
import type { Checkpoint, CheckpointWithoutStrings } from '../../wire/checkpoint.js';
import type { StagePlace } from '../../wire/stage-tree.js';
import { blame } from '../blame.js';
import type { Sink } from '../sink.js';
import type { Named, Stage } from '../stage.js';
import { labelOf } from '../stage-label.js';

/** The sink whose database decides which checkpoint counts. */
export interface DecidingSink {
  /** What it is called in checkpoints. */
  readonly key: string;
  readonly sink: Named<Sink>;
}

/** Returns the sink that decides, if there is one. A plan has one at most. */
export function decidingSink(places: readonly StagePlace<Named<Stage>>[]): DecidingSink | undefined {
  for (const { kind, key, stage } of places) {
    const sink = stage as Named<Sink>; // the kind says what it is
    if (kind === 'sink' && sink.stage.capabilities.decides) return { key, sink };
  }
  return undefined;
}

/**
 * Has the database of a sink decide which checkpoint counts. The store holds the checkpoint and the one before it; the
 * database commits the rows and the id of the checkpoint as one. So at any instant only one checkpoint is undecided, and
 * its predecessor is at hand.
 */
export class CheckpointDecision {
  readonly #decider: DecidingSink;
  readonly #key: string | undefined;
  /** The last checkpoint that counts. */
  #before: CheckpointWithoutStrings | undefined;
  #next: (Checkpoint & Required<Pick<Checkpoint, 'decidedAs'>>) | undefined;

  /**
   * @param key - Under which the database knows the run. Default: its id.
   * @param from - The checkpoint that the run goes on from.
   */
  constructor(decider: DecidingSink, key: string | undefined, from: Checkpoint | undefined) {
    this.#decider = decider;
    this.#key = key;
    this.#before = from && withoutStrings(from);
  }

  /** Returns the checkpoint as the store has to hold it until the database has decided. */
  undecided(checkpoint: Checkpoint): Checkpoint {
    this.#next = { ...checkpoint, decidedAs: randomId() };
    const before = this.#before;
    return {
      ...this.#next,
      undecided: { sink: this.#decider.key, key: this.#key ?? checkpoint.run.id, ...(before && { before }) },
    };
  }

  /** Has the database commit the checkpoint that the store has accepted. @throws What the sink throws. */
  async decide(): Promise<void> {
    const next = this.#next!; // the store has accepted it
    const { sink } = this.#decider;
    await blame('SINK_FAILED', labelOf('Sink', sink), () => sink.stage.decide?.(next.decidedAs));
    this.#before = withoutStrings(next);
  }

  /** The last cut comes to nothing. The store may hold its checkpoint, which the database will never have. */
  takeBack(): void {
    this.#decider.sink.stage.takeBack?.();
  }
}

/** The strings of a checkpoint are the first of those of each later one. */
function withoutStrings({
  dictionaries: _,
  undecided: __,
  ...checkpoint
}: Checkpoint): CheckpointWithoutStrings {
  return checkpoint;
}
