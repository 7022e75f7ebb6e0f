import { type Clock, systemClock } from '../core/clock.js';
import type { Guards } from '../guard/guards.js';
import type { SinkFactory, SourceFactory } from '../pipeline/factories.js';
import type { StreamingPipeline } from '../pipeline/streaming-pipeline.js';
import { Counters, type CounterValues } from '../protocol/counters.js';
import type { Checkpoint, PipelineReport } from '../protocol/pipeline-report.js';
import type { PipelineSpec } from '../settings/pipeline-spec.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { instantiate } from './instantiate.js';
import { resolveSpec } from './resolve-spec.js';

/** A spec whose source or sink may be left out, because it is given in code. */
export type OpenSpec = Omit<PipelineSpec, 'source' | 'sink'> & {
  /** Without a component, what stands in front of a source given in code. */
  readonly source?: PipelineSpec['source'] | Pick<PipelineSpec['source'], 'budget' | 'breaker'>;
  readonly sink?: PipelineSpec['sink'];
};

export interface PipelineOptions {
  /** In place of the spec's source. */
  readonly source?: SourceFactory<unknown>;
  /** In place of the spec's sink, such as a `callbackSink`. */
  readonly sink?: SinkFactory<unknown>;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** What each stage has to open in; one that does not answer fails the run. Default: 60000. */
  readonly openDeadlineMs?: number;
  /** Budgets and breakers that the spec may name: a `RateCoordinator`, or what `openRates` gave. */
  readonly guards?: Guards;
  /** Goes on where an earlier run of the same spec left off. */
  readonly checkpoint?: Checkpoint;
}

const OPEN_DEADLINE_MS = 60_000;

/**
 * A pipeline in the calling thread: no supervisor, no thread, no orchestration cost. A sink that is
 * slow or an operator that computes for long holds up whatever else the thread does.
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
   * Checks the spec and makes the pipeline, without opening its source or sink.
   *
   * @throws {InvalidSpecError} naming all that is wrong.
   */
  build(): Promise<StreamingPipeline> {
    this.#building ??= this.#build();
    return this.#building;
  }

  /**
   * Runs to the end of the data. A failure of the run is an outcome of the report.
   *
   * @throws {InvalidSpecError} naming all that is wrong; nothing was opened then.
   * @throws {PipelineError} `JOB_STATE` the second time.
   */
  async run(): Promise<PipelineReport> {
    return (await this.build()).run();
  }

  async pause(): Promise<void> {
    (await this.build()).pause();
  }

  async resume(): Promise<void> {
    (await this.build()).resume();
  }

  /** Ends the source and delivers what is inside; `run` settles when that is done. */
  async drain(): Promise<void> {
    (await this.build()).drain();
  }

  /** Ends without delivery. */
  async stop(): Promise<void> {
    (await this.build()).stop();
  }

  /** A consistent cut of the running pipeline. */
  async checkpoint(): Promise<Checkpoint> {
    return (await this.build()).checkpoint();
  }

  async #build(): Promise<StreamingPipeline> {
    const { source, sink, clock = systemClock, logger = silentLogger, guards, checkpoint } = this.#options;
    const { openDeadlineMs = OPEN_DEADLINE_MS } = this.#options;
    const overrides = { ...(source && { source }), ...(sink && { sink }) };
    return instantiate(await resolveSpec(this.#spec, overrides, guards), {
      clock,
      log: logger,
      counters: this.#counters,
      overrides,
      openDeadlineMs,
      ...(guards && { guards }),
      ...(checkpoint && { checkpoint }),
    });
  }
}
