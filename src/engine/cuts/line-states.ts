import { copyPlainData } from '../../core/copy-plain-data.js';
import type { PlainData } from '../../core/plain-data.js';
import type { StagePlace } from '../../wire/stage-tree.js';
import { blame, blamed } from '../blame.js';
import type { NamedOperator } from '../operator-rows.js';
import type { Named, RunningInput, Stage } from '../stage.js';
import { labelOf } from '../stage-label.js';
import { refuseMismatch } from './state-mismatch.js';

/** States by the keys of their stages, and the rows of operators as `rows`. */
export type States = Readonly<Record<string, PlainData>>;

/** An operator, or the source of an input. */
interface Inside {
  readonly key: string;
  readonly id: string;
  readonly named: Named<Stage>;
  /** What it is: one of these. */
  readonly operator: NamedOperator | undefined;
  readonly input: RunningInput | undefined;
}

/** Takes and restores the states of the operators in a line, and of the inputs inside them. */
export class LineStates {
  /** Operators and inputs, each before what is inside it. */
  readonly #inside: readonly Inside[];

  /**
   * @param places - Of the stages in the line and of those in their inputs. Only operators and inputs count. An input
   *   on demand has the states of all that is inside it.
   */
  constructor(places: readonly StagePlace<Named<Stage>>[]) {
    const own = places.filter(({ isOnDemand }) => !isOnDemand);
    const inputs = new Map<Named<Stage>, RunningInput>(
      own.flatMap(({ stage }) => Object.values(stage.inputs ?? {}).map((input) => [input.source, input])),
    );
    this.#inside = places
      .filter(({ kind, stage, isOnDemand }) => (kind === 'operator' && !isOnDemand) || inputs.has(stage))
      .map(({ kind, key, id, stage: named }) => {
        // The kind says what it is.
        const operator = kind === 'operator' ? (named as NamedOperator) : undefined;
        return { key, id, named, operator, input: inputs.get(named) };
      });
  }

  /**
   * Takes all states now.
   * @throws {PipelineError} `CHECKPOINT_INVALID` for a state that is not plain data.
   */
  take(): States {
    const states: Record<string, PlainData> = {};
    const rows: Record<string, PlainData> = {};
    for (const { key, id, operator, input } of this.#inside) {
      if (input) states[key] = copyPlainData(input.snapshot(), id);
      if (!operator) continue;
      states[key] = stateOf(operator);
      rows[key] = operator.rows.snapshot();
    }
    return Object.keys(rows).length > 0 ? { ...states, rows } : states;
  }

  /**
   * Checks whose states there are. Only an operator or an input with a name may be new, or belong to one: an
   * operator in another's place is told from it by the spec. One that kept no state may be gone.
   * @throws {PipelineError} `CHECKPOINT_INVALID`
   */
  expect({ rows: _, ...states }: States): void {
    const known = new Set(this.#inside.map(({ key }) => key));
    const strange = Object.keys(states).filter((key) => !known.has(key) && states[key] !== null);
    const lacking = this.#inside.filter(({ key }) => !Object.hasOwn(states, key));
    const added = lacking
      .filter(({ operator, named }) => operator || named.name !== undefined)
      .map(({ key }) => key);
    const missing = lacking
      .map(({ key }) => key)
      .filter((key) => !added.some((owner) => key === owner || key.startsWith(`${owner}.`)));
    refuseMismatch({ of: 'a pipeline with other operators or inputs', missing, strange });
  }

  /** @param begin - Called before the state of a stage is restored. */
  async restore(states: States, begin: (stage: Named<Stage>) => void = () => {}): Promise<void> {
    const rows = (states.rows ?? {}) as States;
    for (const { key, named, operator, input } of this.#inside.toReversed()) {
      const saved = states[key];
      if (saved === undefined) continue; // it is new
      // A copy, since a stage may modify its state, and the checkpoint must not change.
      const state = copyPlainData(saved, key);
      begin(named);
      if (input) await blame('SOURCE_FAILED', labelOf('Source', named), () => input.restore(state));
      if (!operator) continue;
      await blame('OPERATOR_FAILED', labelOf('Operator', named), () => {
        if (state !== null) operator.stage.restore?.(state);
      });
      operator.rows.restore(rows[key] ?? null);
    }
  }
}

function stateOf(operator: NamedOperator): PlainData {
  try {
    return copyPlainData(operator.stage.snapshot?.() ?? null, operator.id);
  } catch (thrown) {
    throw blamed('OPERATOR_FAILED', labelOf('Operator', operator), thrown);
  }
}
