import type { InspectionEvent } from 'xstate';
import type { z } from 'zod';
import { type Clock, systemClock } from '../core/clock.js';
import { formatPath, formatProblem, InvalidOptionsError } from '../core/errors.js';
import { hideSecrets } from '../core/hide-secrets.js';
import { PlanningThreads } from '../hosts/planning-threads.js';
import { ThreadPool } from '../hosts/thread-pool.js';
import type { Catalogue } from '../plan/catalogue.js';
import { loadCatalogue } from '../plan/load-catalogue.js';
import { findJobFiles } from '../plan/paths/job-files.js';
import { findFilesAgain, resolveWithFiles } from '../plan/resolve-spec.js';
import type { PipelineSpec } from '../plan/typed-spec.js';
import type { BreakersInput } from '../resilience/breakers-settings.js';
import type { BudgetsInput } from '../resilience/rate/rate-settings.js';
import { threadsMaxFor } from '../resilience/rate/rate-threads.js';
import type { ResilienceCoordinator } from '../resilience/resilience-coordinator.js';
import type { JobHandle, JobInfo, RuntimeEvent } from '../supervision/job.js';
import { Supervisor } from '../supervision/supervisor.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { redactingLogger } from '../telemetry/redacting-logger.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { RuntimeSettings } from './runtime-settings.js';

/** Settings of a runtime (docs/cli.md has a table of them), and what is given in code alone. */
export interface RuntimeOptions extends z.input<typeof RuntimeSettings> {
  /** Takes the lines of all threads, with `job` and `thread` in their fields. Any Pino logger fits. */
  readonly logger?: Logger;
  /** Watches the job machines, for XState's inspector. */
  readonly inspect?: (event: InspectionEvent) => void;
  readonly clock?: Clock;
  /** Budgets that specs may name, by provider and tenant. */
  readonly budgets?: BudgetsInput;
  /** Breakers that specs may name, by provider. */
  readonly breakers?: BreakersInput;
  /**
   * Budgets and breakers that were made elsewhere, in place of the two above: a service and its
   * pipelines spend from the same. Not closed with the runtime. Needs a thread for each pipeline
   * that names some (`threadsMax`).
   */
  readonly resilience?: ResilienceCoordinator;
  /**
   * Keys, tokens and passwords, as they are: hidden in logs, reports and errors of this thread and of all
   * jobs until the runtime is closed. What stands behind a name such as `Authorization` or `apiKey` is
   * hidden without.
   */
  readonly secrets?: readonly string[];
}

/**
 * Pipelines under supervision, each in a thread of its own.
 *
 * Starts no thread before there is a job, unless `warmThreads` asks for it; then it resolves when
 * they are ready. Modules of "components" are asked for what they declare now, in throw-away threads.
 *
 * @throws {InvalidOptionsError} naming every refused setting, and what is wrong with those modules.
 */
export async function createRuntime(options: RuntimeOptions = {}): Promise<PipelineRuntime> {
  const {
    logger = silentLogger,
    inspect,
    clock = systemClock,
    budgets,
    breakers,
    resilience,
    ...rest
  } = options;
  const { secrets = [], ...input } = rest;
  const settings = parseSettings(input, [
    ...loggerProblems(logger),
    ...(resilience && (budgets || breakers)
      ? ['resilience: expected either "resilience" or "budgets" and "breakers"']
      : []),
  ]);
  const showSecrets = hideSecrets(secrets);
  const planning = new PlanningThreads(settings, clock);
  let own: ResilienceCoordinator | undefined;
  try {
    const { catalogue, problems } = await loadCatalogue(settings.components, planning);
    if (problems.length > 0) throw new InvalidOptionsError('runtime', problems.map(formatProblem));
    if (budgets || breakers) own = await makeResilience({ budgets, breakers, clock, settings });
    const log = redactingLogger(logger);
    const common = { settings, planning, catalogue, logger: log, inspect, clock, secrets, showSecrets };
    const runtime = new PipelineRuntime({ ...common, resilience: resilience ?? own, own });
    await runtime.warm();
    return runtime;
  } catch (error) {
    own?.close(); // the machines of its breakers would go on
    await planning.close();
    showSecrets();
    throw error;
  }
}

/** Made by `createRuntime`. All methods belong to the thread that made it. */
export class PipelineRuntime {
  /** The budgets and breakers that specs may name; `undefined` where none were declared. */
  readonly resilience: ResilienceCoordinator | undefined;
  readonly #own: ResilienceCoordinator | undefined;
  readonly #showSecrets: () => void;
  readonly #planning: PlanningThreads;
  readonly #catalogue: Catalogue;
  readonly #pool: ThreadPool;
  readonly #supervisor: Supervisor;

  constructor(context: RuntimeContext) {
    const { settings, planning, catalogue, logger, inspect, clock, resilience, own } = context;
    const { secrets, showSecrets } = context;
    this.resilience = resilience;
    this.#own = own;
    this.#showSecrets = showSecrets;
    this.#planning = planning;
    this.#catalogue = catalogue;
    this.#pool = new ThreadPool(settings, { onThreadExit: (threadId) => resilience?.reclaim(threadId) });
    this.#supervisor = new Supervisor({
      clock,
      threads: this.#pool,
      log: logger,
      settings,
      resilience: resilience?.handle(),
      secrets,
      inspect,
    });
  }

  /**
   * Starts the threads that are kept ready.
   *
   * @throws {PipelineError} `RUNTIME_CLOSED`.
   */
  async warm(): Promise<void> {
    this.#supervisor.assertOpen();
    await this.#pool.warm();
  }

  /**
   * Checks a spec and starts its job, or queues it while all threads are taken. The job's failures
   * are outcomes of its handle, not of this call. Modules that the spec names are loaded in
   * throw-away threads, never in this one.
   *
   * @throws {InvalidSpecError} with all that is wrong with the spec, files that a job which has not
   *   ended reads or writes included; no thread was started then.
   * @throws {PipelineError} `JOB_NAME_TAKEN` by a job that has not ended, `RUNTIME_CLOSED`.
   */
  async submit(spec: PipelineSpec): Promise<JobHandle> {
    this.#supervisor.assertOpen();
    const context = { resilience: this.resilience, userCode: this.#planning, catalogue: this.#catalogue };
    const { resolved, files } = await resolveWithFiles(spec, context);
    return this.#supervisor.submit(resolved, files);
  }

  /**
   * The same for a spec that `resolveSpec` has checked.
   *
   * @throws {InvalidSpecError} where a job that has not ended reads or writes the same files, or a
   *   module is in none of the `moduleFolders` of this runtime.
   * @throws {PipelineError} `JOB_NAME_TAKEN`, `RUNTIME_CLOSED`.
   */
  async submitResolved(spec: ResolvedSpec): Promise<JobHandle> {
    // Anew: what is there may have changed since it was checked.
    const found = await findFilesAgain(spec, this.#planning);
    return this.#supervisor.submit(found, await findJobFiles(found));
  }

  /** Live jobs and the last thousand ended ones, in the order of their submission. */
  list(): JobInfo[] {
    return this.#supervisor.list();
  }

  /**
   * A job by its id, or the live, else the last ended, one of that name.
   *
   * @throws {PipelineError} `JOB_UNKNOWN`.
   */
  get(idOrName: string): JobHandle {
    return this.#supervisor.get(idOrName);
  }

  /** Calls back until told not to. A listener that throws changes nothing. */
  on(listener: (event: RuntimeEvent) => void): () => void {
    return this.#supervisor.on(listener);
  }

  /**
   * Takes no more jobs, drains all there are, and ends the threads. After the deadline
   * (`drainDeadlineMs` by default) those that still deliver are ended, and their jobs `stopped`.
   * A second call can only shorten the deadline.
   */
  async close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    await this.#supervisor.close(options);
    await this.#planning.close();
    await this.#pool.close();
    this.#own?.close();
    this.#showSecrets();
  }
}

interface RuntimeContext {
  readonly settings: RuntimeSettings;
  readonly planning: PlanningThreads;
  /** What specs can use. */
  readonly catalogue: Catalogue;
  readonly logger: Logger;
  readonly inspect: ((event: InspectionEvent) => void) | undefined;
  readonly clock: Clock;
  readonly resilience: ResilienceCoordinator | undefined;
  /** The same, if the runtime made it. */
  readonly own: ResilienceCoordinator | undefined;
  /** Hidden in this thread already. */
  readonly secrets: readonly string[];
  /** Ends that. */
  readonly showSecrets: () => void;
}

/** Loaded when asked for: who declares no budgets and breakers pays nothing for them. */
async function makeResilience({
  budgets,
  breakers,
  clock,
  settings,
}: {
  readonly budgets: BudgetsInput | undefined;
  readonly breakers: BreakersInput | undefined;
  readonly clock: Clock;
  readonly settings: RuntimeSettings;
}): Promise<ResilienceCoordinator> {
  const { ResilienceCoordinator } = await import('../resilience/resilience-coordinator.js');
  return new ResilienceCoordinator({
    clock,
    ...budgets,
    ...(breakers && { breakers }),
    threadsMax: threadsMaxFor(settings.maxThreads),
  });
}

/** A logger that lacks a method (`console` has no `child`) would fail as the first job starts. */
function loggerProblems(logger: Logger): string[] {
  const methods = ['debug', 'info', 'warn', 'error', 'child'] as const;
  const lacking = methods.filter((method) => typeof logger?.[method] !== 'function');
  if (lacking.length === 0) return [];
  return [`logger: expected the methods of a Pino logger, found none named ${lacking.join(', ')}`];
}

function parseSettings(
  input: z.input<typeof RuntimeSettings>,
  otherProblems: readonly string[],
): RuntimeSettings {
  const result = RuntimeSettings.safeParse(input, { reportInput: true });
  if (result.success && otherProblems.length === 0) return result.data;
  const problems = (result.error?.issues ?? []).map(({ path, message, input: refused }) => {
    // Only numbers are echoed: a text may be a credential.
    const was = typeof refused === 'number' ? `, was ${refused}` : '';
    return `${formatPath(path as (string | number)[])}: ${message}${was}`;
  });
  throw new InvalidOptionsError('runtime', [...problems, ...otherProblems]);
}
