import { ColumnMemory, megabytes } from '../columns/column-memory.js';
import { DictionarySet } from '../columns/dictionary.js';
import { SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import { systemClock } from '../core/clock.js';
import { unlimitedGate } from '../engine/call-gate.js';
import { stopOnReject } from '../engine/rejects.js';
import type { SinkCapabilities } from '../engine/sink-capabilities.js';
import type { SourceCapabilities } from '../engine/source-capabilities.js';
import type { Registry } from '../registry/registry.js';
import { silentLogger } from '../telemetry/logger.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { type StagePlace, stagesWithin } from '../wire/stage-tree.js';
import { loadWithNested, StageMaker, type StageOutput } from './stage-maker.js';

/**
 * Creates stages of a checked spec to ask what they promise. Creating a stage opens nothing. User code is not
 * run: what only it could answer is `undefined`.
 */
export class StageProbe {
  readonly #registry: Registry;
  readonly #maker: StageMaker;

  constructor(spec: ResolvedSpec, registry: Registry) {
    const memory = new ColumnMemory(megabytes(spec.maxMemoryMb));
    const rejects = stopOnReject();
    this.#registry = registry;
    this.#maker = new StageMaker({
      context: {
        job: spec.name,
        clock: systemClock,
        seed: spec.seed,
        log: silentLogger,
        dictionaries: new DictionarySet(memory),
        memory,
        batchRows: spec.batchRows,
        rejects,
        gate: unlimitedGate,
      },
      rejects,
      hasDeadLetters: spec.deadLetter !== undefined,
    });
  }

  /** Returns the capabilities of a source. */
  async capabilitiesOfSource(place: StagePlace<ResolvedStage>): Promise<SourceCapabilities | undefined> {
    if (runsUserCode(place)) return undefined;
    const loaded = await loadWithNested(this.#registry, 'source', place, noGate);
    return this.#maker.source(loaded).stage.capabilities;
  }

  /**
   * Returns the capabilities of a sink without branches.
   *
   * @param input - The columns that it is given.
   */
  async capabilitiesOfSink(
    place: StagePlace<ResolvedStage>,
    input: Schema | undefined,
  ): Promise<SinkCapabilities | undefined> {
    if (runsUserCode(place) || !input) return undefined;
    const loaded = await loadWithNested(this.#registry, 'sink', place, noGate);
    return this.#maker.sink(loaded, outputOf(input)).stage.capabilities;
  }

  /**
   * Whether an operator, a batcher or a sink only reads the columns of batches. User code may always write.
   *
   * @param input - The columns that it is given.
   */
  async readsOnly(place: StagePlace<ResolvedStage>, input: Schema | undefined): Promise<boolean> {
    if (runsUserCode(place) || !input) return false;
    return (await this.#made(place, outputOf(input)))?.readsOnly === true;
  }

  async #made(
    place: StagePlace<ResolvedStage>,
    output: StageOutput,
  ): Promise<{ readonly readsOnly?: boolean } | undefined> {
    switch (place.kind) {
      case 'operator': {
        const loaded = await loadWithNested(this.#registry, 'operator', place, noGate);
        return this.#maker.operators(output, [loaded], () => {}).operators[0]?.stage;
      }
      case 'batcher': {
        const loaded = await loadWithNested(this.#registry, 'batcher', place, noGate);
        return this.#maker.batcher(loaded, output).stage;
      }
      case 'sink': {
        const loaded = await loadWithNested(this.#registry, 'sink', place, noGate);
        return this.#maker.sink(loaded, output).stage;
      }
      case 'source':
        return undefined; // it is given no batches
    }
  }
}

const noGate = async () => undefined;

/** What is known without the stages before. */
const outputOf = (schema: Schema): StageOutput => ({
  schema,
  stream: { order: SYMBOLS_IN_ORDER, bounded: true },
});

const runsUserCode = ({ stage }: StagePlace<ResolvedStage>): boolean =>
  stagesWithin(stage).some((each) => each.runsUserCode === true);
