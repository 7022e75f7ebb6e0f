import { SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { ComponentKind, FactoryOf } from '../engine/component.js';
import type { PlanProblems, SpecFacts } from '../engine/factories.js';
import type { Operator } from '../engine/operator.js';
import type { KeptRejects } from '../engine/rejects.js';
import type { Source } from '../engine/source.js';
import type { Named, StageContext, StreamFacts } from '../engine/stage.js';
import { StageInput } from '../engine/stage-input.js';
import { loadStage } from '../registry/load-stage.js';
import type { Registry } from '../registry/registry.js';
import type { Logger } from '../telemetry/logger.js';
import type { ResolvedInput, ResolvedStage, SourceGateSettings } from '../wire/resolved-spec.js';
import { placesOfInput, type StagePlace, titleOf } from '../wire/stage-tree.js';
import type { GateOfSource } from './open-gate.js';

/** What all stages of a pipeline are created with. */
export interface StageMaking {
  readonly context: Omit<StageContext, 'stream' | 'inputs' | 'wake'>;
  readonly rejects: KeptRejects;
  readonly hasDeadLetters: boolean;
  readonly problems: PlanProblems;
}

/** A stage whose code is loaded, with the stages inside it. */
export interface LoadedStage<Kind extends ComponentKind> {
  readonly place: StagePlace<ResolvedStage>;
  readonly factory: FactoryOf<Kind>;
  readonly gate: GateOfSource | undefined;
  readonly inputs: Readonly<Record<string, LoadedInput>>;
}

/** An input whose code is loaded. */
export interface LoadedInput extends Pick<ResolvedInput, 'at' | 'operatorsAt'> {
  readonly source: LoadedStage<'source'>;
  readonly operators: readonly LoadedStage<'operator'>[];
}

type OpenGate = (settings: SourceGateSettings | undefined) => Promise<GateOfSource | undefined>;

/**
 * Loads the code of a stage and of the stages inside it.
 *
 * @param override - The factory of the stage, if it is given in code.
 */
export async function loadWithInputs<Kind extends ComponentKind>(
  registry: Registry,
  kind: Kind,
  place: StagePlace<ResolvedStage>,
  openGate: OpenGate,
  gate?: SourceGateSettings,
  override?: FactoryOf<Kind>,
): Promise<LoadedStage<Kind>> {
  const { stage } = place;
  const factory = override ?? (await loadStage(registry, kind, stage));
  const inputs: Record<string, LoadedInput> = {};
  for (const [id, input] of Object.entries(stage.inputs ?? {})) {
    const { at, operatorsAt } = input;
    const { source, operators } = placesOfInput(place, input);
    inputs[id] = {
      at,
      operatorsAt,
      source: await loadWithInputs(registry, 'source', source, openGate, input.gate),
      operators: await Promise.all(
        operators.map((operator) => loadWithInputs(registry, 'operator', operator, openGate)),
      ),
    };
  }
  return { place, factory, inputs, gate: await openGate(gate) };
}

/** Operators in a row, and the output of the last one. */
export interface MadeOperators {
  readonly operators: readonly Named<Operator>[];
  readonly schema: Schema;
  readonly stream: StreamFacts;
}

/** Creates sources and operators with the stages inside them. Opens nothing. */
export class StageMaker {
  readonly #making: StageMaking;

  constructor(making: StageMaking) {
    this.#making = making;
  }

  source({ place, factory, gate: gated, inputs: loaded }: LoadedStage<'source'>): Named<Source> {
    const { path, stage } = place;
    const { context, problems } = this.#making;
    const { inputs, facts } = this.#inputs(loaded);
    factory.plan(stage.options, { add: (at, message) => problems.add([...path, ...at], message) }, facts);
    const bare = factory.create(stage.options, {
      ...context,
      log: this.logOf(place),
      gate: gated?.gate ?? context.gate,
      stream: { order: SYMBOLS_IN_ORDER, bounded: true },
      inputs,
      wake: () => {}, // the pipeline awaits its read anyway
    });
    return this.#named(place, gated ? gated.wrap(bare) : bare, inputs);
  }

  /** @param wake - Called when an operator has rows to emit without having received any. */
  operators(source: Source, loaded: readonly LoadedStage<'operator'>[], wake: () => void): MadeOperators {
    const { bounded } = source.capabilities;
    let { schema } = source;
    let stream: StreamFacts = { order: source.order ?? SYMBOLS_IN_ORDER, bounded };
    const operators = loaded.map(({ place, factory, inputs: within }) => {
      const { inputs } = this.#inputs(within);
      const operator = factory.create(place.stage.options, schema, {
        ...this.#making.context,
        log: this.logOf(place),
        stream,
        inputs,
        wake,
      });
      schema = operator.output;
      const order = operator.order ?? (operator.changesTime ? SYMBOLS_IN_ORDER : stream.order);
      stream = { order, bounded };
      return this.#named(place, operator, inputs);
    });
    return { operators, schema, stream };
  }

  /** Returns a logger that adds the stage to its lines. */
  logOf({ id, stage }: StagePlace<ResolvedStage>): Logger {
    return this.#making.context.log.child({
      stage: id,
      ...(stage.name !== undefined && { named: stage.name }),
    });
  }

  /** Names a stage without inputs, such as a batcher or a sink. */
  named<S>(place: StagePlace<ResolvedStage>, made: S): Named<S> {
    return this.#named(place, made, {});
  }

  #inputs(loaded: Readonly<Record<string, LoadedInput>>) {
    const inputs: Record<string, StageInput> = {};
    const schemas: Record<string, Schema> = {};
    for (const [id, each] of Object.entries(loaded)) {
      const input = this.#input(each);
      inputs[id] = input;
      schemas[id] = input.schema;
    }
    const facts: SpecFacts = { hasDeadLetters: this.#making.hasDeadLetters, inputs: schemas };
    return { inputs, facts };
  }

  #input({ at, operatorsAt, source: loadedSource, operators: loadedOperators }: LoadedInput): StageInput {
    const { context, rejects } = this.#making;
    const source = this.source(loadedSource);
    let input: StageInput | undefined;
    const { operators } = this.operators(source.stage, loadedOperators, () => input?.wake());
    const { dictionaries, clock } = context;
    input = new StageInput({ at, source, operatorsAt, operators, dictionaries, clock, rejects });
    return input;
  }

  #named<S>(
    place: StagePlace<ResolvedStage>,
    made: S,
    inputs: Readonly<Record<string, StageInput>>,
  ): Named<S> {
    const { use, name } = place.stage;
    const hasInputs = Object.keys(inputs).length > 0;
    return { use, name, title: titleOf(place), stage: made, ...(hasInputs && { inputs }) };
  }
}
