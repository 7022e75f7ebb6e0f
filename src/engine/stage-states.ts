import { copyPlainData } from '../core/copy-plain-data.js';
import { PipelineError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import { CHECKPOINT_VERSION, type Checkpoint } from '../wire/checkpoint.js';
import { placesOf } from '../wire/stage-tree.js';
import { StartStep } from '../wire/start-step.js';
import { blame } from './blame.js';
import type { LiveIntake } from './live-intake.js';
import type { Operator } from './operator.js';
import { type PipelineParts, stepsOf } from './pipeline-parts.js';
import type { ReadPosition } from './read-position.js';
import type { RowTally } from './row-tally.js';
import type { Named, RunningInput, Stage } from './stage.js';
import { titleOfStage } from './stage-title.js';

/** The parts of a pipeline that have state, apart from its source and sink. */
export interface StatefulParts {
  readonly position: ReadPosition;
  readonly tally: RowTally;
  readonly intake: LiveIntake | undefined;
}

/** What a checkpoint holds besides the states of operators and inputs. */
const OTHERS: ReadonlySet<string> = new Set(['source', 'intake', 'deadLetters', 'sink']);

/** Takes the states of all stages at one instant for a checkpoint, and restores them. */
export class StageStates {
  readonly #parts: PipelineParts;
  readonly #stateful: StatefulParts;
  /** Operators and inputs, each before what is inside it. */
  readonly #inside: readonly Inside[];
  /** Of an earlier start with a dead-letter file, if this one has none: for the next one that has. */
  #otherDeadLetters: PlainData | undefined;

  constructor(parts: PipelineParts, stateful: StatefulParts) {
    this.#parts = parts;
    this.#stateful = stateful;
    this.#inside = insideOf(parts);
  }

  /**
   * Takes all states now, except for the position of the sink, which may follow later.
   * @throws {PipelineError} `CHECKPOINT_INVALID` for a state that is not plain data.
   */
  take(ended?: Checkpoint['ended']): (sink: PlainData) => Checkpoint {
    const { job, run, spec, clock, dictionaries } = this.#parts;
    const { position, tally, intake } = this.#stateful;
    const place = position.take();
    const states: Record<string, PlainData> = { source: place.position };
    const deadLetters = place.deadLetters ?? this.#otherDeadLetters;
    if (deadLetters !== undefined) states.deadLetters = deadLetters;
    if (intake) states.intake = intake.snapshot();
    for (const { key, id, operator, input } of this.#inside) {
      states[key] = copyPlainData(input ? input.snapshot() : (operator.snapshot?.() ?? null), id);
    }
    const taken = {
      version: CHECKPOINT_VERSION,
      job,
      run,
      takenAtMs: Number(clock.wall() / 1_000_000n),
      spec,
      counters: tally.cut(place),
      dictionaries: dictionaries.snapshot(),
      ...(ended && { ended }),
    } as const;
    return (sink) => ({ ...taken, states: { ...states, sink: copyPlainData(sink, 'sink') } });
  }

  /** Restores the stages from a checkpoint. If the stream had ended, only the sink and the rejects are needed. */
  async restore({ states, counters, ended }: Checkpoint): Promise<void> {
    const { source, sink, rejects, counters: progress } = this.#parts;
    const { tally, intake } = this.#stateful;
    const steps = stepsOf(this.#parts);
    const begin = (stage: Named<Stage>) => progress.set('startStep', steps.get(stage) ?? StartStep.making);
    // Copies, since a stage may modify its state, and the checkpoint must not change.
    const stateOf = (stage: string): PlainData => copyPlainData(states[stage] ?? null, stage);
    begin(sink);
    await blame('SINK_FAILED', titleOfStage('Sink', sink), () => sink.stage.resume?.(stateOf('sink')));
    // Missing if the earlier start kept no dead letters, or was of an earlier release.
    if (states.deadLetters !== undefined) {
      const deadLetters = stateOf('deadLetters');
      const comeAgain = source.stage.capabilities.delivery === 'replayable';
      if (rejects.resume) await rejects.resume(deadLetters, comeAgain);
      else this.#handOn(deadLetters);
    }
    if (!ended) {
      this.#expectStates(states);
      for (const { key, named, operator, input } of this.#inside.toReversed()) {
        if (!Object.hasOwn(states, key)) continue; // it is new
        const state = stateOf(key);
        begin(named);
        if (input) await blame('SOURCE_FAILED', titleOfStage('Source', named), () => input.restore(state));
        else if (state !== null) operator.restore?.(state);
      }
      intake?.restore(stateOf('intake'));
      begin(source);
      await blame('SOURCE_FAILED', titleOfStage('Source', source), () =>
        source.stage.resume(stateOf('source')),
      );
    }
    tally.restore(counters);
  }

  #handOn(deadLetters: PlainData): void {
    this.#otherDeadLetters = deadLetters;
    // As a `DeadLetterFile` says them, whose code is not loaded here.
    const { unsynced } = (deadLetters ?? {}) as { readonly unsynced?: unknown };
    if (unsynced === undefined) return;
    this.#parts.log.warn(
      { characters: String(unsynced).length },
      'the checkpoint has dead letters that may not be in their file, and this start has no "deadLetter": ' +
        'the next start of the run that has one writes them',
    );
  }

  /** Only a stage with a name may be new, or belong to one. */
  #expectStates(states: Checkpoint['states']): void {
    const known = new Set(this.#inside.map(({ key }) => key));
    const strange = Object.keys(states).filter((key) => !OTHERS.has(key) && !known.has(key));
    const missing = [...known].filter((key) => !key.startsWith('"') && !Object.hasOwn(states, key));
    if (strange.length + missing.length === 0) return;
    const quoted = (keys: readonly string[]) => (keys.length === 0 ? 'none' : keys.slice(0, 20).join(', '));
    throw new PipelineError(
      'CHECKPOINT_INVALID',
      `The checkpoint is of a pipeline with other operators or inputs: it lacks a state of ${quoted(missing)}, ` +
        `and has one too many of ${quoted(strange)}: start without it, or with the spec that it was taken from`,
    );
  }
}

/** An operator, or the source of an input. */
interface Inside {
  readonly key: string;
  readonly id: string;
  readonly named: Named<Stage>;
  readonly operator: Operator;
  readonly input: RunningInput | undefined;
}

function insideOf(parts: PipelineParts): Inside[] {
  const places = placesOf<Named<Stage>>(parts);
  const inputs = new Map<Named<Stage>, RunningInput>(
    places.flatMap(({ stage }) => Object.values(stage.inputs ?? {}).map((input) => [input.source, input])),
  );
  return places
    .filter(({ kind, isNested }) => kind === 'operator' || isNested)
    .map(({ key, id, stage: named }) => {
      // A stage inside the pipeline that is no source of an input is an operator.
      return { key, id, named, operator: named.stage as Operator, input: inputs.get(named) };
    });
}
