import { copyPlainData } from '../../core/copy-plain-data.js';
import type { PlainData } from '../../core/plain-data.js';
import { CHECKPOINT_VERSION, type Checkpoint } from '../../wire/checkpoint.js';
import { placesOf } from '../../wire/stage-tree.js';
import { StartStep } from '../../wire/start-step.js';
import { blame } from '../blame.js';
import type { PipelineInputs } from '../inputs/pipeline-inputs.js';
import type { SourceIntake } from '../intake/source-intake.js';
import { type PipelineParts, stepsOf } from '../pipeline-parts.js';
import type { LettersBehind } from '../rejects.js';
import type { RowTally } from '../row-tally.js';
import type { Named, Stage } from '../stage.js';
import { labelOf } from '../stage-label.js';
import { LineStates } from './line-states.js';

/** The parts of a pipeline that have state, apart from its source and sink. */
export interface StatefulParts {
  readonly tally: RowTally;
  readonly intake: SourceIntake;
  /** Those that are not in a branch. */
  readonly inputs: PipelineInputs;
}

/** What a checkpoint holds besides the states of operators and inputs. */
const OTHERS: ReadonlySet<string> = new Set(['source', 'intake', 'deadLetters', 'sink']);

/** Takes the states of all stages at one instant for a checkpoint, and restores them. */
export class StageStates {
  readonly #parts: PipelineParts;
  readonly #stateful: StatefulParts;
  /** Of operators and inputs. Those in branches are part of the state of the sink. */
  readonly #line: LineStates;
  /** Of an earlier start with a dead-letter file, if this one has none: for the next one that has. */
  #otherDeadLetters: PlainData | undefined;

  constructor(parts: PipelineParts, stateful: StatefulParts) {
    this.#parts = parts;
    this.#stateful = stateful;
    this.#line = new LineStates(placesOf<Named<Stage>>(parts).filter(({ isInBranch }) => !isInBranch));
  }

  /**
   * Takes all states now, except for the position of the sink, which may follow later.
   *
   * @param branchesFollow - Whether branches take theirs after this.
   * @throws {PipelineError} `CHECKPOINT_INVALID` for a state that is not plain data.
   */
  take(branchesFollow: boolean, ended?: Checkpoint['ended']): (sink: PlainData) => Checkpoint {
    const { job, run, spec, clock, dictionaries } = this.#parts;
    const { tally, intake, inputs } = this.#stateful;
    const point = intake.resumePoint();
    const states: Record<string, PlainData> = { source: point.position };
    if (point.live !== undefined) states.intake = point.live;
    Object.assign(states, this.#line.take());
    const behind = [...intake.lettersBehind(point), ...inputs.lettersBehind()];
    const letters = this.#lettersUpTo(behind, branchesFollow);
    const taken = {
      version: CHECKPOINT_VERSION,
      job,
      run,
      takenAtMs: Number(clock.wall() / 1_000_000n),
      spec,
      counters: tally.cut(point),
      progress: intake.rowProgress(point),
      ...(ended && { ended }),
    } as const;
    // Last, since what stands behind a queue may have met new strings until the sink was done.
    return (sink) => {
      const deadLetters = letters();
      return {
        ...taken,
        dictionaries: dictionaries.snapshot(),
        states: {
          ...states,
          ...(deadLetters !== undefined && { deadLetters }),
          sink: copyPlainData(sink, 'sink'),
        },
      };
    };
  }

  /** @returns To be called when the sink is done. */
  #lettersUpTo(behind: readonly LettersBehind[], branchesFollow: boolean): () => PlainData | undefined {
    const { rejects } = this.#parts;
    if (branchesFollow && rejects.beginCut) return rejects.beginCut(behind);
    const position = rejects.position?.(behind) ?? this.#otherDeadLetters;
    return () => position;
  }

  /**
   * Restores the stages from a checkpoint. If the stream had ended, or the run was reset, only the sink and the
   * rejects are needed.
   */
  async restore({ states, counters, isReset, ended }: Checkpoint): Promise<void> {
    const { source, sink, rejects, counters: progress } = this.#parts;
    const { tally, intake } = this.#stateful;
    const steps = stepsOf(this.#parts);
    const begin = (stage: Named<Stage>) => progress.set('startStep', steps.get(stage) ?? StartStep.making);
    // Copies, since a stage may modify its state, and the checkpoint must not change.
    const stateOf = (stage: string): PlainData => copyPlainData(states[stage] ?? null, stage);
    begin(sink);
    await blame('SINK_FAILED', labelOf('Sink', sink), () => sink.stage.resume?.(stateOf('sink')));
    // Missing if the earlier start kept no dead letters, or was of an earlier release.
    if (states.deadLetters !== undefined) {
      const deadLetters = stateOf('deadLetters');
      const comeAgain = source.stage.capabilities.delivery === 'replayable';
      if (rejects.resume) await rejects.resume(deadLetters, comeAgain);
      else this.#handOn(deadLetters);
    }
    if (!ended && !isReset) {
      const ofLine = Object.fromEntries(Object.entries(states).filter(([key]) => !OTHERS.has(key)));
      this.#line.expect(ofLine);
      await this.#line.restore(ofLine, begin);
      intake.restore(stateOf('intake'));
      begin(source);
      await blame('SOURCE_FAILED', labelOf('Source', source), () => source.stage.resume(stateOf('source')));
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
}
