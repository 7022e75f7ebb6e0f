import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import { type Clock, systemClock } from '../core/clock.js';
import { hideSecrets } from '../core/hide-secrets.js';
import type { Component } from '../engine/component.js';
import type { SinkFactory, SourceFactory } from '../engine/factories.js';
import type { StreamingPipeline } from '../engine/streaming-pipeline.js';
import { Catalogue } from '../plan/catalogue.js';
import { instantiate, type PipelineEnvironment } from '../plan/instantiate.js';
import { resolveWithFiles } from '../plan/resolve-spec.js';
import type { OpenSpec } from '../plan/typed-spec.js';
import { loadHere } from '../plan/user-code/load-here.js';
import { builtIn } from '../registry/built-in.js';
import type { Resilience } from '../resilience/resilience-client.js';
import { Counters, type CounterValues } from '../shared-memory/counters.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { redactingLogger } from '../telemetry/redacting-logger.js';
import { type Checkpoint, readCheckpoint } from '../wire/checkpoint.js';
import type { PipelineReport } from '../wire/pipeline-report.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { secretsOfSpec } from '../wire/stages-of-spec.js';

/** What a pipeline in the calling thread takes beside its spec. */
export interface PipelineOptions {
  /** In place of the spec's source. */
  readonly source?: SourceFactory<unknown>;
  /** In place of the spec's sink, such as a `callbackSink`. */
  readonly sink?: SinkFactory<unknown>;
  /** What the spec can use beside the components of this package. */
  readonly components?: readonly Component[];
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** What each stage has to open in; one that does not answer fails the run. Default: 60000. */
  readonly openDeadlineMs?: number;
  /** Budgets and breakers that the spec may name: a `ResilienceCoordinator`, or what `openResilience` gave. */
  readonly resilience?: Resilience;
  /** Goes on where an earlier run of the same spec left off. Not together with `store`. */
  readonly checkpoint?: Checkpoint;
  /**
   * Keeps checkpoints, and decides by them which rows count. A run that broke off is gone on with, one
   * that completed or was drained begins anew; whoever still ran under the key is refused from then on.
   */
  readonly store?: CheckpointStore;
  /** Under which the store keeps this pipeline. Default: the spec's name. */
  readonly key?: string;
  /** Between two checkpoints, 10 to 86400000. Default: 10000. */
  readonly checkpointEveryMs?: number;
}

const OPEN_DEADLINE_MS = 60_000;

/**
 * A pipeline in the calling thread: no supervisor, no thread, no orchestration cost. A sink that is
 * slow or an operator that computes for long holds up whatever else the thread does. Modules that the
 * spec names are loaded into this thread, too, from anywhere: the spec is as trusted as the program.
 *
 * Checks the spec when it is built or run, not here.
 */
export function createPipeline(spec: OpenSpec, options: PipelineOptions = {}): PipelineBuilder {
  return new PipelineBuilder(spec, options);
}

/** Makes a pipeline from a spec with overrides. Runs at most once. */
export class PipelineBuilder {
  readonly #spec: OpenSpec;
  readonly #options: PipelineOptions;
  readonly #counters = new Counters();
  #building: Promise<StreamingPipeline> | undefined;

  constructor(spec: OpenSpec, options: PipelineOptions = {}) {
    this.#spec = spec;
    this.#options = options;
  }

  /** What was counted so far. */
  get counters(): CounterValues {
    return this.#counters.read();
  }

  /**
   * Checks the spec and makes the pipeline, without opening its source or sink. With a store, claims the
   * key: another run of it can save no checkpoint any more.
   *
   * @throws {InvalidSpecError} naming all that is wrong.
   * @throws {InvalidOptionsError} for a key or an interval that cannot be.
   * @throws {PipelineError} `CHECKPOINT_INVALID` when the checkpoint is of another spec or cannot be read;
   *   nothing is claimed then. `CHECKPOINT_FAILED` when the store fails.
   */
  build(): Promise<StreamingPipeline> {
    this.#building ??= this.#build();
    return this.#building;
  }

  /**
   * Runs to the end of the data. A failure of the run is an outcome of the report.
   *
   * @throws What `build` throws; nothing was opened then.
   * @throws {PipelineError} `JOB_STATE` the second time.
   */
  async run(): Promise<PipelineReport> {
    return (await this.build()).run();
  }

  /** Stops reading after the current batch; what is inside stays there. */
  async pause(): Promise<void> {
    (await this.build()).pause();
  }

  /** Reads on after a pause. */
  async resume(): Promise<void> {
    (await this.build()).resume();
  }

  /** Ends the source and delivers what is inside; `run` settles when that is done. */
  async drain(): Promise<void> {
    (await this.build()).drain();
  }

  /**
   * Ends with a checkpoint: the next start with the store goes on as if nothing had been, and rows inside
   * of operators are in no output before that. Without a store, it drains.
   */
  async suspend(): Promise<void> {
    (await this.build()).suspend();
  }

  /** Ends without delivery. */
  async stop(): Promise<void> {
    (await this.build()).stop();
  }

  /** A consistent cut of the running pipeline. With a store, it settles once that has accepted it. */
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
    const catalogue = new Catalogue(registry);
    const context = { overrides, resilience, userCode: loadHere, catalogue };
    const { resolved: spec } = await resolveWithFiles(this.#spec, context);
    hideSecrets(secretsOfSpec(spec)); // for good: what has them may outlive the run
    return instantiate(spec, {
      clock,
      log: redactingLogger(logger),
      counters: this.#counters,
      overrides,
      registry,
      openDeadlineMs,
      ...(resilience && { resilience }),
      ...(await this.#start(spec)),
    });
  }

  /** Where it begins, and who is told how far it has come. */
  async #start(spec: ResolvedSpec): Promise<Pick<PipelineEnvironment, 'checkpoint' | 'run' | 'saver'>> {
    const { store, key, checkpointEveryMs, checkpoint } = this.#options;
    if (store) {
      const { claimRun } = await import('../checkpoints/claim-run.js');
      return claimRun(spec, { store, key, checkpointEveryMs, checkpoint });
    }
    return checkpoint ? { checkpoint: readCheckpoint(checkpoint) } : {};
  }
}
