import type { Schema } from '../../columns/schema.js';
import type { ComponentKind } from '../../engine/component.js';
import type { PlanProblems, SpecFacts } from '../../engine/factories.js';
import type { Loads } from '../../engine/stage.js';
import type { DeclaredComponent } from '../../wire/declared-component.js';
import type { ResolvedStage } from '../../wire/resolved-spec.js';
import type { StageFiles } from '../../wire/stage-files.js';

/** A module of the settings that is asked for its components. Plain data. */
export interface ModuleRef {
  /** As the settings name it. */
  readonly module: string;
  /** Its real path. */
  readonly file: string;
}

/** What a component is asked when its spec is checked. Plain data. */
export interface PlanRequest {
  /** Of the job, for what the code prints. */
  readonly job: string;
  readonly kind: ComponentKind;
  /**
   * Of a component from outside, the options are as they were written; of stages among them, only `use`.
   */
  readonly stage: ResolvedStage;
  /** The columns that come in. Without them, only a source is planned; the code is loaded all the same. */
  readonly input?: Schema;
  /** Without it, the columns of some of its inputs are not known: it is not planned, but loaded all the same. */
  readonly spec?: SpecFacts;
}

/** What is asked of code of users. */
export type PlanningRequest = ModuleRef | PlanRequest;

/** What a component says to its part of a spec. Plain data. */
export interface PlanAnswer {
  /** The columns that come out; `undefined` where it was only loaded, and of batchers and sinks. */
  readonly output?: Schema;
  readonly problems: readonly PlanProblem[];
  /** Only of a component from outside whose options could be read. */
  readonly checked?: CheckedStage;
}

/** What follows from the options of a component from outside. */
export interface CheckedStage {
  /** As its schema gives them. */
  readonly options: unknown;
  readonly loads: Loads;
  readonly files?: StageFiles;
}

export interface PlanProblem {
  /** Within the component's part of the spec. */
  readonly path: Parameters<PlanProblems['add']>[0];
  readonly message: string;
}

/** Where code that is not ours is found and asked what it makes of a spec. */
export interface UserCode {
  /**
   * Finds the file of a module and runs none of it.
   *
   * @returns Its real path, links followed: what is loaded later is what was found here.
   * @throws {PipelineError} `MODULE_INVALID` where there is none, or it may not be loaded.
   */
  find(path: string): Promise<string>;
  /**
   * The components of a module.
   *
   * @throws {RuntimeError} when it cannot be loaded, does not answer, or declares none.
   */
  declare(ref: ModuleRef): Promise<readonly DeclaredComponent[]>;
  /** @throws {RuntimeError} when the code cannot be loaded, or does not answer. */
  plan(request: PlanRequest): Promise<PlanAnswer>;
}
