import { copyPlainData } from '../core/copy-plain-data.js';
import type { PlainData } from '../core/plain-data.js';
import { CHECKPOINT_VERSION, type Checkpoint } from '../wire/checkpoint.js';
import { StartStep } from '../wire/start-step.js';
import { blame } from './blame.js';
import type { LiveIntake } from './live-intake.js';
import type { OperatorChain } from './operator-chain.js';
import type { PipelineParts } from './pipeline-parts.js';
import type { ReadPosition } from './read-position.js';
import type { RowTally } from './row-tally.js';

/** The parts of a pipeline that have state, apart from its source and sink. */
export interface StatefulParts {
  readonly position: ReadPosition;
  readonly operators: OperatorChain;
  readonly tally: RowTally;
  readonly intake: LiveIntake | undefined;
}

export const operatorId = (place: number): string => `operators[${place}]`;

/** Takes the states of all stages at one instant for a checkpoint, and restores them. */
export class StageStates {
  readonly #parts: PipelineParts;
  readonly #stateful: StatefulParts;

  constructor(parts: PipelineParts, stateful: StatefulParts) {
    this.#parts = parts;
    this.#stateful = stateful;
  }

  /**
   * Takes all states now, except for the position of the sink, which may follow later.
   * @throws {PipelineError} `CHECKPOINT_INVALID` for a state that is not plain data.
   */
  take(ended?: Checkpoint['ended']): (sink: PlainData) => Checkpoint {
    const { job, run, spec, clock, dictionaries } = this.#parts;
    const { position, operators, tally, intake } = this.#stateful;
    const place = position.take();
    const states: Record<string, PlainData> = { source: place.position };
    if (place.deadLetters !== undefined) states.deadLetters = place.deadLetters;
    if (intake) states.intake = intake.snapshot();
    for (const [i, state] of operators.snapshot().entries()) {
      states[operatorId(i)] = copyPlainData(state, operatorId(i));
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
    const { operators, tally, intake } = this.#stateful;
    // Copies, since a stage may modify its state, and the checkpoint must not change.
    const stateOf = (stage: string): PlainData => copyPlainData(states[stage] ?? null, stage);
    const operatorStates = Object.keys(states).filter((stage) => stage.startsWith('operators['));
    progress.set('startStep', StartStep.opening(this.#parts.operators.length + 2));
    await blame('SINK_FAILED', `Sink "${sink.use}"`, () => sink.stage.resume?.(stateOf('sink')));
    // Missing if the earlier start kept no dead letters, or was of an earlier release.
    if (states.deadLetters !== undefined) {
      const comeAgain = source.stage.capabilities.delivery === 'replayable';
      await rejects.resume?.(stateOf('deadLetters'), comeAgain);
    }
    if (!ended) {
      operators.restore(operatorStates.map((_, i) => stateOf(operatorId(i))));
      intake?.restore(stateOf('intake'));
      progress.set('startStep', StartStep.opening(0));
      await blame('SOURCE_FAILED', `Source "${source.use}"`, () => source.stage.resume(stateOf('source')));
    }
    tally.restore(counters);
  }
}
