import type { Schema } from '../../columns/schema.js';
import type { PlanProblems, SpecFacts } from '../../engine/factories.js';
import type { ResolvedStage } from '../../wire/resolved-spec.js';

/** What a component is asked when its spec is checked. Plain data. */
export interface PlanRequest {
  /** Of the job, for what the code prints. */
  readonly job: string;
  readonly stage: ResolvedStage;
  /** The columns that come in. Without them, the code is only loaded. */
  readonly input?: Schema;
  readonly spec: SpecFacts;
}

/** What a component declares. Plain data. */
export interface PlanAnswer {
  /** The columns that come out; `undefined` where it was only loaded. */
  readonly output?: Schema;
  readonly problems: readonly PlanProblem[];
}

export interface PlanProblem {
  /** Within the component's part of the spec. */
  readonly path: Parameters<PlanProblems['add']>[0];
  readonly message: string;
}

/** Where components that are not ours are found and asked what they make of a spec. */
export interface UserCode {
  /**
   * Finds the file of a module and runs none of it.
   *
   * @returns Its real path, links followed: what is loaded later is what was found here.
   * @throws {PipelineError} `MODULE_INVALID` where there is none, or it may not be loaded.
   */
  find(path: string): Promise<string>;
  /** @throws {RuntimeError} when the code cannot be loaded, or does not answer. */
  plan(request: PlanRequest): Promise<PlanAnswer>;
}
