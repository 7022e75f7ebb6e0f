import type { Schema } from '../columns/schema.js';
import { PerTurn } from '../core/per-turn.js';
import type { PlanningThreads } from '../hosts/planning-threads.js';
import type { Catalogue } from '../plan/catalogue.js';
import { findJobFiles, type JobFiles } from '../plan/paths/job-files.js';
import { findFilesAgain, resolveWithFiles } from '../plan/resolve-spec.js';
import type { Resilience } from '../resilience/resilience-client.js';
import type { Submitted } from '../service/job-keeper.js';
import type { PipelineService } from '../service/pipeline-service.js';
import { storedData } from '../service/stored-data.js';
import type { CheckedSubmitOptions, SubmitOptions } from '../service/submit-options.js';
import type { JobRecord } from '../store/job-store.js';
import type { JobHandle, JobInfo } from '../supervision/job.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { assertResolved } from './given-in-code.js';
import type { SubmitDefaults } from './submit-defaults.js';
import type { SubmitTerms } from './submit-terms.js';

/** Specs that are checked in one turn of the event loop: a check takes some 0.2 ms of the calling thread. */
const SUBMITS_PER_TURN = 8;

export interface JobIntakeContext {
  readonly service: PipelineService;
  readonly planning: PlanningThreads;
  readonly catalogue: Catalogue;
  readonly resilience: Resilience | undefined;
  readonly defaults: SubmitDefaults;
  /** Whether jobs outlive the process: only plain data is taken then. */
  readonly hasStore: boolean;
  /** Columns of the topics that are known. */
  topics(): Readonly<Record<string, Schema>>;
}

/** A spec that was checked just now, and its files. */
export interface CheckedJob {
  readonly resolved: ResolvedSpec;
  readonly files: JobFiles | undefined;
}

/** Checks specs and hands them to the service, a few in each turn of the event loop. */
export class JobIntake {
  readonly #context: JobIntakeContext;
  readonly #submits = new PerTurn(SUBMITS_PER_TURN);

  constructor(context: JobIntakeContext) {
    this.#context = context;
  }

  submit(spec: unknown, options: SubmitOptions | undefined, terms: SubmitTerms = {}): Promise<JobHandle> {
    return this.#inTurn(options, async (checked) => {
      const submitted = this.#submitted(spec, options, terms);
      return this.#hand(await this.check(spec, terms), { options, checked, submitted });
    });
  }

  async submitResolved(
    spec: ResolvedSpec,
    options: SubmitOptions | undefined,
    terms: SubmitTerms = {},
  ): Promise<JobHandle> {
    assertResolved('submitResolved', spec);
    return this.#inTurn(options, async (checked) => {
      const { written } = terms;
      const submitted = this.#submitted(written ?? spec, options, terms);
      const kept = submitted && written === undefined ? { ...submitted, isResolved: true } : submitted;
      return this.#hand(await this.#checkResolved(spec), { options, checked, submitted: kept });
    });
  }

  /** @see PipelineRuntime.update */
  async update(
    id: string,
    spec: unknown,
    options: { readonly deadlineMs?: number | undefined },
  ): Promise<JobInfo> {
    const { service, hasStore } = this.#context;
    const written = hasStore ? storedData('update', 'spec', spec) : undefined;
    const { resolved, files } = await this.check(spec);
    return service.update(id, resolved, files, { ...options, ...(written !== undefined && { written }) });
  }

  /** @throws {InvalidSpecError} listing every problem. */
  check(
    spec: unknown,
    { specFolder, topics }: Pick<SubmitTerms, 'specFolder'> & Partial<Topics> = {},
  ): Promise<CheckedJob> {
    const { resilience, planning, catalogue } = this.#context;
    const known = topics ?? this.#context.topics();
    return resolveWithFiles(spec, { resilience, userCode: planning, catalogue, topics: known, specFolder });
  }

  /**
   * Checks the spec of a job that an earlier process had.
   *
   * @throws {InvalidSpecError} if it cannot run here and now.
   */
  checkAgain({ spec, isResolved, specFolder }: JobRecord, topics: Topics['topics']): Promise<CheckedJob> {
    if (!isResolved) return this.check(spec, { specFolder, topics });
    assertResolved('store', spec as unknown as ResolvedSpec);
    return this.#checkResolved(spec as unknown as ResolvedSpec);
  }

  async #checkResolved(spec: ResolvedSpec): Promise<CheckedJob> {
    // Again, since files may have changed after the check.
    const resolved = await findFilesAgain(spec, this.#context.planning);
    return { resolved, files: await findJobFiles(resolved) };
  }

  #hand({ resolved, files }: CheckedJob, beside: BesideSpec): JobHandle | Promise<JobHandle> {
    const { service } = this.#context;
    const { checked, submitted } = resolved.job ? this.#withJob(resolved, beside) : beside;
    if (!submitted) return service.submit(resolved, files, checked);
    return service.submitKept(resolved, files, { options: checked, submitted });
  }

  /** @throws {InvalidOptionsError} if what the spec and the submit say does not go together. */
  #withJob(spec: ResolvedSpec, { options, submitted }: BesideSpec): Omit<BesideSpec, 'options'> {
    const { defaults } = this.#context;
    const all = defaults.withJob(spec, options);
    return {
      checked: defaults.check(all),
      submitted: submitted && { ...submitted, options: storedData('submit', 'options', all) },
    };
  }

  /** @throws {InvalidOptionsError} for what a store cannot keep. */
  #submitted(
    spec: unknown,
    options: SubmitOptions | undefined,
    { specFolder, instantMs }: SubmitTerms,
  ): Submitted | undefined {
    if (!this.#context.hasStore) return undefined;
    return {
      spec: storedData('submit', 'spec', spec),
      options: storedData('submit', 'options', options ?? {}),
      ...(specFolder !== undefined && { specFolder }),
      ...(instantMs !== undefined && { instantMs }),
    };
  }

  /**
   * Begins a submit when it is its turn. Of one that waits, no more is kept than a function: a burst of thousands
   * is taken in one turn of the event loop.
   */
  #inTurn(
    options: SubmitOptions | undefined,
    begin: (checked: CheckedSubmitOptions) => Promise<JobHandle>,
  ): Promise<JobHandle> {
    const { service, defaults } = this.#context;
    try {
      service.assertOpen();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#submits.pass().then(() => {
      const checked = defaults.check(options);
      service.assertRoom(); // it may have been closed meanwhile, too
      return begin(checked);
    });
  }
}

/** What a job is submitted with beside its spec: as it was given, checked, and as a store keeps it. */
interface BesideSpec {
  readonly options: SubmitOptions | undefined;
  readonly checked: CheckedSubmitOptions;
  readonly submitted: Submitted | undefined;
}

interface Topics {
  readonly topics: Readonly<Record<string, Schema>>;
}
