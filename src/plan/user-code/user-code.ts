import type { Schema } from '../../columns/schema.js';
import type { ComponentKind } from '../../engine/component.js';
import type { PlanProblems, SpecFacts } from '../../engine/factories.js';
import type { Loads } from '../../engine/stage.js';
import type { ProviderList } from '../../providers/contract/provider-list.js';
import type { ResilienceHandle } from '../../resilience/resilience-handle.js';
import type { DeclaredComponent } from '../../wire/declared-component.js';
import type { ResolvedStage, SourceGateSettings } from '../../wire/resolved-spec.js';
import type { StageFacts } from '../../wire/stage-facts.js';
import type { StageFiles } from '../../wire/stage-files.js';

/** A module that the settings name. Plain data. */
export interface ModuleRef {
  /** The module as the settings name it. */
  readonly module: string;
  /** The real path of its file. */
  readonly file: string;
}

/** A request to plan a component while its spec is checked. Plain data. */
export interface PlanRequest {
  /** Name of the job, shown with what the code prints. */
  readonly job: string;
  readonly kind: ComponentKind;
  /**
   * The options of a component from outside are as written, with each nested stage reduced to `use`.
   */
  readonly stage: ResolvedStage;
  /** The input columns. Without them, the code is loaded, but only a source is planned. */
  readonly input?: Schema;
  /** Missing if columns of some inputs are unknown. Then the code is loaded, but no source or operator is planned. */
  readonly spec?: SpecFacts;
}

/** A request to read a list of a provider. Plain data. */
export interface ListRequest {
  /** Shown with what the code prints. */
  readonly job: string;
  /** The provider, with its own options as they were written. */
  readonly stage: ResolvedStage;
  readonly list: ProviderList;
  /** The budget and the breaker of its calls. */
  readonly gate: SourceGateSettings;
  /** Has these. */
  readonly resilience?: ResilienceHandle | undefined;
}

/** A request to user code: to declare its components, to plan one, or to read a list of one. */
export type PlanningRequest = ModuleRef | PlanRequest | ListRequest;

/** The answer of a component to a plan request. Plain data. */
export interface PlanAnswer {
  /** The output columns. `undefined` for batchers and sinks, and if the code was only loaded. */
  readonly output?: Schema;
  readonly problems: readonly PlanProblem[];
  /** Only for a component from outside whose options are valid enough. */
  readonly checked?: CheckedStage;
}

/** The checked options of a component from outside, and what follows from them. */
export interface CheckedStage {
  /** The options as its schema returned them. */
  readonly options: unknown;
  readonly loads: Loads;
  readonly facts?: StageFacts;
  readonly files?: StageFiles;
}

/** A problem that a component found in its part of a spec. */
export interface PlanProblem {
  /** Path within that part. */
  readonly path: Parameters<PlanProblems['add']>[0];
  readonly message: string;
}

/** Finds user code, and loads it to declare its components or to plan them. */
export interface UserCode {
  /**
   * Finds the file of a module without running it.
   *
   * @returns The real path with links followed, so that the file loaded later is the one found here.
   * @throws {PipelineError} `MODULE_INVALID` if it does not exist, or may not be loaded.
   */
  find(path: string): Promise<string>;
  /**
   * Returns the declarations of a module's components.
   *
   * @throws {RuntimeError} if it cannot be loaded, does not answer, or declares none.
   */
  declare(ref: ModuleRef): Promise<readonly DeclaredComponent[]>;
  /**
   * Plans a component.
   *
   * @throws {RuntimeError} if the code cannot be loaded, or does not answer.
   */
  plan(request: PlanRequest): Promise<PlanAnswer>;
}
