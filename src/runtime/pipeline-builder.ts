import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { assertMapping } from '../core/assert-argument.js';
import { type Clock, systemClock } from '../core/clock.js';
import { PipelineError } from '../core/errors.js';
import { hideSecrets } from '../core/hide-secrets.js';
import { redactThrown } from '../core/redact-thrown.js';
import { describeValue } from '../core/shown-text.js';
import type { Component } from '../engine/component.js';
import type { SinkFactory, SourceFactory } from '../engine/factories.js';
import type { StreamingPipeline } from '../engine/streaming-pipeline.js';
import { Catalogue } from '../plan/catalogue.js';
import { DiscoveredComponents } from '../plan/discovery/discovered-components.js';
import { instantiate, type PipelineEnvironment } from '../plan/instantiate.js';
import { resolveWithFiles } from '../plan/resolve-spec.js';
import type { OpenSpec } from '../plan/typed-spec.js';
import { loadHere } from '../plan/user-code/load-here.js';
import type { ProviderDefinition } from '../providers/contract/define-provider.js';
import { builtIn } from '../registry/built-in.js';
import type { Registry } from '../registry/registry.js';
import type { Resilience } from '../resilience/resilience-client.js';
import { parseOptions } from '../settings/parse-options.js';
import { DiscoverySettings } from '../settings/runtime-settings.js';
import { Counters, type CounterValues } from '../shared-memory/counters.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { redactingLogger } from '../telemetry/redacting-logger.js';
import { type Checkpoint, readCheckpoint } from '../wire/checkpoint.js';
import type { PipelineReport } from '../wire/pipeline-report.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { secretsOfSpec } from '../wire/stages-of-spec.js';
import { problemsOfCode } from './given-in-code.js';

/** Options of a pipeline in the calling thread. */
export interface PipelineOptions {
  /** Replaces the source of the spec. */
  readonly source?: SourceFactory<unknown> | undefined;
  /** Replaces the sink of the spec, for example with a `callbackSink`. */
  readonly sink?: SinkFactory<unknown> | undefined;
  /** Components and providers that the spec can use besides those of this package. */
  readonly components?: readonly (Component | ProviderDefinition)[] | undefined;
  /**
   * Whether the spec can use components of installed packages, which are then loaded into this thread: see
   * `discover` of the settings of a runtime. Default: `true`.
   */
  readonly discover?: boolean | readonly string[] | undefined;
  /** Folders of the projects whose packages are looked at. Default: that of the main module. */
  readonly discoverIn?: readonly string[] | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  /** Milliseconds that each stage has to open; a stage that takes longer fails the run. Default: 60000. */
  readonly openDeadlineMs?: number | undefined;
  /** Budgets and breakers that the spec may name: a `ResilienceCoordinator`, or the result of `openResilience`. */
  readonly resilience?: Resilience | undefined;
  /** Continues from this checkpoint of an earlier run of the same spec. Not together with `store`. */
  readonly checkpoint?: Checkpoint | undefined;
  /**
   * Stores checkpoints, which decide which rows count. A run that was interrupted is continued; after one
   * that completed or was drained, a new run starts. From then on, checkpoints of any other run under the
   * same key are refused.
   */
  readonly store?: CheckpointStore | undefined;
  /** Key of this pipeline in the store. Default: the spec's name. */
  readonly key?: string | undefined;
  /** Milliseconds between two checkpoints, 10 to 86400000. Default: 10000. */
  readonly checkpointEveryMs?: number | undefined;
  /** Rows of the source after which the run is drained: of the whole run, over all of its starts. */
  readonly maxRows?: number | undefined;
  /**
   * Rows of the source after which the run ends with a checkpoint, `completed` and `sliced`: the next start with the
   * store goes on behind them. Once all rows of the source have passed, each further start is a new run. Needs `store`,
   * and no `maxRows`.
   */
  readonly sliceRows?: number | undefined;
}

const OPEN_DEADLINE_MS = 60_000;

/**
 * Creates a pipeline in the calling thread: no supervisor, no thread, no orchestration cost. A slow sink
 * or a long computation in an operator blocks everything else in the thread. Modules that the spec names
 * are loaded into this thread too, from any folder: the spec is trusted like the program itself.
 *
 * The spec is checked when the pipeline is built or run, not here.
 */
export function createPipeline(spec: OpenSpec, options: PipelineOptions = {}): PipelineBuilder {
  return new PipelineBuilder(spec, options);
}

/** Builds a pipeline from a spec with overrides. Runs at most once. */
export class PipelineBuilder {
  readonly #spec: OpenSpec;
  readonly #options: PipelineOptions;
  readonly #discovery: DiscoverySettings;
  readonly #counters = new Counters();
  #building: Promise<StreamingPipeline> | undefined;
  /** Of a start that has no pipeline yet. */
  readonly #stopping = new AbortController();

  /** @throws {InvalidOptionsError} if `options` is not an object, or one of them is refused. */
  constructor(spec: OpenSpec, options: PipelineOptions = {}) {
    assertMapping('createPipeline', options);
    const { discover, discoverIn } = options;
    this.#discovery = parseOptions('createPipeline', DiscoverySettings, { discover, discoverIn }, [
      ...problemsOfCode(options),
      ...problemsOfBounds(options),
    ]);
    this.#spec = spec;
    this.#options = options;
  }

  /** The current values of the counters. */
  get counters(): CounterValues {
    return this.#counters.read();
  }

  /**
   * Checks the spec and creates the pipeline without opening its source or sink. With a store, claims the
   * key: another run under it can no longer save checkpoints.
   *
   * @throws {InvalidSpecError} listing every problem.
   * @throws {InvalidOptionsError} for an invalid key or interval.
   * @throws {PipelineError} `CHECKPOINT_INVALID` if the checkpoint belongs to another spec or cannot be read;
   *   nothing is claimed then. `CHECKPOINT_FAILED` if the store fails.
   */
  build(): Promise<StreamingPipeline> {
    this.#building ??= this.#build();
    return this.#building;
  }

  /**
   * Runs to the end of the data. A failure of the run is reported as an outcome, not thrown.
   *
   * @throws What `build` throws. Nothing was opened then.
   * @throws {PipelineError} `JOB_STATE` on a second call.
   */
  async run(): Promise<PipelineReport> {
    return (await this.build()).run();
  }

  /** Stops reading after the current batch. Rows inside the pipeline stay there. */
  async pause(): Promise<void> {
    (await this.build()).pause();
  }

  /** Continues reading after a pause. */
  async resume(): Promise<void> {
    (await this.build()).resume();
  }

  /** Ends the source and delivers the rows inside the pipeline; `run` settles when that is done. */
  async drain(): Promise<void> {
    (await this.build()).drain();
  }

  /**
   * Ends the run with a checkpoint, from which the next start with the store continues as if there had been
   * no interruption. Rows inside operators are not delivered before that. Without a store, it drains.
   */
  async suspend(): Promise<void> {
    (await this.build()).suspend();
  }

  /** Ends the run without delivering the rows inside the pipeline. */
  async stop(): Promise<void> {
    this.#stopping.abort(new PipelineError('JOB_STATE', 'The run was stopped before it had begun'));
    (await this.build()).stop();
  }

  /** Takes a consistent checkpoint of the running pipeline. With a store, resolves once the store accepted it. */
  async checkpoint(): Promise<Checkpoint> {
    return (await this.build()).checkpoint();
  }

  async #build(): Promise<StreamingPipeline> {
    const {
      source,
      sink,
      clock = systemClock,
      logger = silentLogger,
      resilience,
      components = [],
    } = this.#options;
    const { openDeadlineMs = OPEN_DEADLINE_MS } = this.#options;
    const overrides = { ...(source && { source }), ...(sink && { sink }) };
    const registry = components.length > 0 ? builtIn.with(components) : builtIn;
    const catalogue = new Catalogue(registry, [], new DiscoveredComponents(this.#discovery, loadHere));
    const context = { overrides, resilience, userCode: loadHere, catalogue };
    const { resolved: spec } = await resolveWithFiles(this.#spec, context);
    hideSecrets(secretsOfSpec(spec)); // permanently: objects that hold them may outlive the run
    const log = redactingLogger(logger);
    const start = await this.#start(spec, log, registry);
    try {
      return await instantiate(spec, {
        clock,
        log,
        counters: this.#counters,
        overrides,
        registry,
        openDeadlineMs,
        ...(resilience && { resilience }),
        ...start,
        bounds: { maxRows: this.#options.maxRows, sliceRows: this.#options.sliceRows },
      });
    } catch (error) {
      throw redactThrown(error);
    }
  }

  /** Returns where the run starts, and what saves its checkpoints. */
  async #start(
    spec: ResolvedSpec,
    log: Logger,
    registry: Registry,
  ): Promise<Pick<PipelineEnvironment, 'checkpoint' | 'run' | 'saver'>> {
    const { store, key, checkpointEveryMs, checkpoint, sink } = this.#options;
    if (store) {
      const { claimRun } = await import('../checkpoints/claim-run.js');
      const { signal } = this.#stopping;
      return claimRun(spec, { store, key, checkpointEveryMs, checkpoint, log, registry, sink, signal });
    }
    return checkpoint ? { checkpoint: readCheckpoint(checkpoint) } : {};
  }
}

function problemsOfBounds({ maxRows, sliceRows, store }: PipelineOptions): string[] {
  const problems = Object.entries({ maxRows, sliceRows }).flatMap(([key, rows]) =>
    rows === undefined || (Number.isSafeInteger(rows) && rows >= 1)
      ? []
      : [`${key}: expected a whole number of rows, 1 or more, found ${describeValue(rows)}`],
  );
  if (sliceRows !== undefined && !store)
    problems.push('sliceRows: expected a "store" beside it, to go on from');
  if (sliceRows !== undefined && maxRows !== undefined)
    problems.push('sliceRows: expected no "maxRows" beside it');
  return problems;
}
