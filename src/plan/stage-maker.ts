import { SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import { InvalidSpecError, type SpecProblem } from '../core/errors.js';
import type { Batcher } from '../engine/batcher.js';
import { locatedAt } from '../engine/blame.js';
import type { StageBranch } from '../engine/branches/stage-branch.js';
import type { ComponentKind, FactoryOf } from '../engine/component.js';
import type { PlanProblems, SpecFacts } from '../engine/factories.js';
import { OnDemandInput } from '../engine/inputs/on-demand-input.js';
import { StageInput } from '../engine/inputs/stage-input.js';
import { type NamedOperator, OperatorRows } from '../engine/operator-rows.js';
import type { KeptRejects } from '../engine/rejects.js';
import type { Sink } from '../engine/sink.js';
import type { NamedSource, Source } from '../engine/source.js';
import type { Named, RunningInput, StageContext, StreamFacts } from '../engine/stage.js';
import { loadStage } from '../registry/load-stage.js';
import type { Registry } from '../registry/registry.js';
import type { QueueSettings } from '../settings/queue-options.js';
import type { Logger } from '../telemetry/logger.js';
import type {
  ResolvedBranch,
  ResolvedInput,
  ResolvedStage,
  SourceGateSettings,
} from '../wire/resolved-spec.js';
import { placesOfBranch, placesOfInput, type StagePlace, titleOf } from '../wire/stage-tree.js';
import { checkLiveInput } from './live-inputs.js';
import type { GateOfSource } from './open-gate.js';
import { checkSourceQueue } from './source-queues.js';

/** What all stages of a pipeline are created with. */
export interface StageMaking {
  readonly context: Omit<StageContext, 'id' | 'stream' | 'calendars' | 'inputs' | 'branches' | 'wake'>;
  readonly rejects: KeptRejects;
  readonly hasDeadLetters: boolean;
}

/** A stage whose code is loaded, with the stages inside it. */
export interface LoadedStage<Kind extends ComponentKind> {
  readonly place: StagePlace<ResolvedStage>;
  readonly factory: FactoryOf<Kind>;
  /** Makes the gate of each instance. */
  readonly makeGate: (() => GateOfSource) | undefined;
  readonly inputs: Readonly<Record<string, LoadedInput>>;
  readonly branches: Readonly<Record<string, LoadedBranch>>;
}

/** An input whose code is loaded. */
export interface LoadedInput extends Pick<ResolvedInput, 'at' | 'operatorsAt' | 'queue'> {
  readonly source: LoadedStage<'source'>;
  readonly operators: readonly LoadedStage<'operator'>[];
}

/** A branch whose code is loaded, and the code that runs it. */
export interface LoadedBranch extends Pick<ResolvedBranch, 'at' | 'queue'> {
  readonly operators: readonly LoadedStage<'operator'>[];
  readonly batcher: LoadedStage<'batcher'>;
  readonly sink: LoadedStage<'sink'>;
  readonly running: typeof StageBranch;
}

type OpenGate = (
  settings: SourceGateSettings | undefined,
  use: string,
) => Promise<(() => GateOfSource) | undefined>;

/**
 * Loads the code of a stage and of the stages inside it.
 *
 * @param override - The factory of the stage, if it is given in code.
 */
export async function loadWithNested<Kind extends ComponentKind>(
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
    const { at, operatorsAt, queue } = input;
    const { source, operators } = placesOfInput(place, input);
    inputs[id] = {
      at,
      operatorsAt,
      ...(queue && { queue }),
      source: await loadWithNested(registry, 'source', source, openGate, input.gate),
      operators: await Promise.all(
        operators.map((operator) => loadWithNested(registry, 'operator', operator, openGate)),
      ),
    };
  }
  const branches = await loadBranches(registry, place, openGate);
  // Sources of this package call no provider, and those in code make their calls at once. To load a gate takes
  // turns of the event loop, which who has a clock of their own would notice.
  const mayCall = kind === 'source' && (gate || stage.runsUserCode);
  return {
    place,
    factory,
    inputs,
    branches,
    makeGate: mayCall ? await openGate(gate, stage.use) : undefined,
  };
}

async function loadBranches(
  registry: Registry,
  owner: StagePlace<ResolvedStage>,
  openGate: OpenGate,
): Promise<LoadedStage<'sink'>['branches']> {
  const branches: Record<string, LoadedBranch> = {};
  for (const [id, branch] of Object.entries(owner.stage.branches ?? {})) {
    const { at, queue } = branch;
    const { operators, batcher, sink } = placesOfBranch(owner, branch);
    branches[id] = {
      at,
      queue,
      operators: await Promise.all(
        operators.map((operator) => loadWithNested(registry, 'operator', operator, openGate)),
      ),
      batcher: await loadWithNested(registry, 'batcher', batcher, openGate),
      sink: await loadWithNested(registry, 'sink', sink, openGate),
      running: (await import('../engine/branches/stage-branch.js')).StageBranch, // few threads have branches
    };
  }
  return branches;
}

/** Batches as they come out of a stage. */
export interface StageOutput {
  readonly schema: Schema;
  readonly stream: StreamFacts;
}

/** What a batcher passes on: one with a key reorders rows, and operators of branches go by their order. */
export function outputBehind({ stage }: Named<Batcher>, output: StageOutput): StageOutput {
  return stage.reorders ? { ...output, stream: { ...output.stream, order: SYMBOLS_IN_ORDER } } : output;
}

/** Operators in a row, and the output of the last one. */
export interface MadeOperators extends StageOutput {
  readonly operators: readonly NamedOperator[];
}

/** Creates stages with the stages inside them. Opens nothing. */
export class StageMaker {
  readonly #making: StageMaking;

  constructor(making: StageMaking) {
    this.#making = making;
  }

  /**
   * @param queue - What the spec says of the queue behind it.
   * @throws {InvalidSpecError} if its plan, or the queue, has a problem: since it was checked, a file or a
   *   component has changed. It is not created then, as it may rely on its plan.
   */
  source(
    { place, factory, makeGate, inputs: loaded }: LoadedStage<'source'>,
    queue?: QueueSettings,
  ): NamedSource {
    const { path, stage } = place;
    const { context, rejects } = this.#making;
    const ownRejects = rejects.ofSource?.();
    const gated = makeGate?.();
    const { inputs, facts } = this.#inputs(place, loaded);
    this.#checkAgain((problems) => factory.plan(stage.options, problems, facts), path);
    this.#checkInputs(place, inputs);
    const ofStage: StageContext = {
      ...context,
      id: place.id,
      log: this.logOf(place),
      ...(ownRejects && { rejects: ownRejects }),
      gate: gated?.gate ?? context.gate,
      stream: { order: SYMBOLS_IN_ORDER, bounded: true },
      calendars: calendarsOf(place),
      inputs,
      branches: {},
      wake: () => {}, // the pipeline awaits its read anyway
    };
    const bare = createdAt(place, () => factory.create(stage.options, ofStage));
    if (queue) this.#checkAgain((problems) => checkSourceQueue(queue, bare, problems), path);
    const named = this.#named(place, gated ? gated.wrap(bare) : bare, { inputs });
    return { ...named, rejects: ownRejects };
  }

  /**
   * @param from - What the first operator gets.
   * @param wake - Called when an operator has rows to emit without having received any.
   */
  operators(from: StageOutput, loaded: readonly LoadedStage<'operator'>[], wake: () => void): MadeOperators {
    let { schema, stream } = from;
    const operators = loaded.map(({ place, factory, inputs: within }) => {
      const { inputs } = this.#inputs(place, within);
      this.#checkInputs(place, inputs);
      const input = schema;
      const context: StageContext = {
        ...this.#making.context,
        id: place.id,
        log: this.logOf(place),
        stream,
        calendars: calendarsOf(place),
        inputs,
        branches: {},
        wake,
      };
      const operator = createdAt(place, () => factory.create(place.stage.options, input, context));
      schema = operator.output;
      const order = operator.order ?? (operator.changesTime ? SYMBOLS_IN_ORDER : stream.order);
      stream = { ...stream, order };
      return { ...this.#named(place, operator, { inputs }), rows: new OperatorRows(operator) };
    });
    return { operators, schema, stream };
  }

  /** @param from - What the batcher gets. */
  batcher({ place, factory }: LoadedStage<'batcher'>, from: StageOutput): Named<Batcher> {
    const context = this.#contextAtEnd(place, from, {});
    const create = () => factory.create(place.stage.options, from.schema, context);
    return this.#named(place, createdAt(place, create), {});
  }

  /** @param from - What the sink gets. */
  sink({ place, factory, branches: loaded }: LoadedStage<'sink'>, from: StageOutput): Named<Sink> {
    const branches: Record<string, StageBranch> = {};
    for (const [id, branch] of Object.entries(loaded)) branches[id] = this.#branch(place, branch, from);
    const context = this.#contextAtEnd(place, from, branches);
    const create = () => factory.create(place.stage.options, from.schema, context);
    return this.#named(place, createdAt(place, create), { branches });
  }

  /** Returns a logger that adds the stage to its lines. */
  logOf({ id, stage }: StagePlace<ResolvedStage>): Logger {
    return this.#making.context.log.child({
      stage: id,
      ...(stage.name !== undefined && { named: stage.name }),
    });
  }

  /** @throws {InvalidSpecError} if one is live and may not be. Of user code, this is known only here. */
  #checkInputs(
    { path, stage }: StagePlace<ResolvedStage>,
    inputs: Readonly<Record<string, RunningInput>>,
  ): void {
    if (!stage.facts?.replayOnly) return;
    const capabilities = Object.fromEntries(Object.entries(inputs).map(([id, of]) => [id, of.capabilities]));
    this.#checkAgain((problems) => checkLiveInput(stage, capabilities, problems), path);
  }

  /** @throws {InvalidSpecError} if the check finds problems. */
  #checkAgain(check: (problems: PlanProblems) => unknown, path: SpecProblem['path']): void {
    const found: SpecProblem[] = [];
    check({ add: (at, message) => found.push({ path: [...path, ...at], message }) });
    if (found.length > 0) throw new InvalidSpecError(`spec "${this.#making.context.job}"`, found);
  }

  #inputs(owner: StagePlace<ResolvedStage>, loaded: Readonly<Record<string, LoadedInput>>) {
    const inputs: Record<string, StageInput | OnDemandInput> = {};
    const schemas: Record<string, Schema> = {};
    for (const [id, each] of Object.entries(loaded)) {
      const input = owner.stage.facts?.opensInputs ? this.#onDemand(owner, each) : this.#input(each);
      inputs[id] = input;
      schemas[id] = input.schema;
    }
    const facts: SpecFacts = { hasDeadLetters: this.#making.hasDeadLetters, inputs: schemas };
    return { inputs, facts };
  }

  #onDemand(owner: StagePlace<ResolvedStage>, loaded: LoadedInput): OnDemandInput {
    const { context, rejects } = this.#making;
    const { clock, memory } = context;
    const log = this.logOf(loaded.source.place);
    const within = new StageMaker({ ...this.#making, context: { ...context, isReplaceable: true } });
    return new OnDemandInput({ owner, make: () => within.#input(loaded), memory, clock, rejects, log });
  }

  #input({
    at,
    operatorsAt,
    queue,
    source: loadedSource,
    operators: loadedOperators,
  }: LoadedInput): StageInput {
    const { context, rejects } = this.#making;
    const source = this.source(loadedSource, queue);
    let input: StageInput | undefined;
    const { operators } = this.operators(outputOf(source.stage), loadedOperators, () => input?.wake());
    const { dictionaries, clock } = context;
    const log = this.logOf(loadedSource.place);
    const parts = { at, source, operatorsAt, operators, dictionaries, clock, rejects, log, queue };
    input = new StageInput(parts);
    return input;
  }

  #branch(owner: StagePlace<ResolvedStage>, loaded: LoadedBranch, from: StageOutput): StageBranch {
    const rejects = this.#making.rejects.ofBranch?.() ?? this.#making.rejects;
    const within = new StageMaker({
      ...this.#making,
      rejects,
      context: { ...this.#making.context, rejects },
    });
    const { dictionaries, clock } = this.#making.context;
    const { at, queue, running } = loaded;
    const { place } = loaded.sink;
    let branch: StageBranch | undefined;
    const output = within.operators(from, loaded.operators, () => branch?.wake());
    const batcher = within.batcher(loaded.batcher, output);
    const sink = within.sink(loaded.sink, outputBehind(batcher, output));
    const { operators } = output;
    const { id, key } = place;
    const { schema: input } = from;
    const { order } = from.stream;
    const log = this.logOf(place);
    const parts = { at, id, key, owner, operators, batcher, sink, queue, input, order, log };
    branch = new running({ ...parts, dictionaries, clock, rejects });
    return branch;
  }

  #contextAtEnd(
    place: StagePlace<ResolvedStage>,
    { stream }: StageOutput,
    branches: StageContext['branches'],
  ): StageContext {
    const log = this.logOf(place);
    const { id, key } = place;
    const calendars = calendarsOf(place);
    return { ...this.#making.context, id, key, log, stream, calendars, inputs: {}, branches, wake: () => {} };
  }

  #named<S>(
    place: StagePlace<ResolvedStage>,
    made: S,
    inside: Pick<Named<S>, 'inputs' | 'branches'>,
  ): Named<S> {
    const { use, name } = place.stage;
    const { inputs = {}, branches = {} } = inside;
    return {
      id: place.id,
      use,
      name,
      title: titleOf(place),
      stage: made,
      ...(Object.keys(inputs).length > 0 && { inputs }),
      ...(Object.keys(branches).length > 0 && { branches }),
    };
  }
}

/** Returns the calendars of a stage, by their paths. */
const calendarsOf = ({ stage: { calendars } }: StagePlace<ResolvedStage>): StageContext['calendars'] =>
  calendars && Object.fromEntries(calendars.map(({ path, data }) => [path, data]));

/** Creates a stage. Its error says where it stands. */
function createdAt<S>({ id }: StagePlace<ResolvedStage>, create: () => S): S {
  try {
    return create();
  } catch (thrown) {
    throw locatedAt(id, thrown);
  }
}

/** Returns what comes out of a source. */
export function outputOf({
  schema,
  order = SYMBOLS_IN_ORDER,
  capabilities: { bounded },
}: Source): StageOutput {
  return { schema, stream: { order, bounded } };
}
