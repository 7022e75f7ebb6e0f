import type { z } from 'zod';
import { assertMapping } from '../core/assert-argument.js';
import { type Clock, systemClock } from '../core/clock.js';
import { formatProblem, InvalidOptionsError } from '../core/errors.js';
import { hideSecrets } from '../core/hide-secrets.js';
import type { InspectMachine } from '../core/machine-inspection.js';
import { PlanningThreads } from '../hosts/planning-threads.js';
import { DiscoveredComponents } from '../plan/discovery/discovered-components.js';
import { loadCatalogue } from '../plan/load-catalogue.js';
import type { BreakersInput } from '../resilience/breakers-settings.js';
import type { BudgetsInput } from '../resilience/rate/rate-settings.js';
import type { ResilienceCoordinator } from '../resilience/resilience-coordinator.js';
import { parseOptions } from '../settings/parse-options.js';
import { RuntimeSettings, type StoreSettings } from '../settings/runtime-settings.js';
import type { JobStore } from '../store/job-store.js';
import { type Logger, silentLogger } from '../telemetry/logger.js';
import { redactingLogger } from '../telemetry/redacting-logger.js';
import { problemsOfCode } from './given-in-code.js';
import { endLeftProcesses } from './left-processes.js';
import { makeResilience } from './make-resilience.js';
import { isJobStore, openStore, type RuntimeStore } from './open-store.js';
import { PipelineRuntime } from './pipeline-runtime.js';

/** Settings of a runtime (see the table in docs/cli.md), and options that can only be given in code. */
export interface RuntimeOptions extends Omit<z.input<typeof RuntimeSettings>, 'store'> {
  /**
   * Keeps jobs and schedules beyond the process: a folder, in which the checkpoints of all jobs are kept as well, or
   * a store of your own. What it has that should run goes on at once. The runtime closes it.
   */
  readonly store?: z.input<typeof StoreSettings> | JobStore | undefined;
  /** Receives the log lines of all threads, with the field `job`, and `thread` or `process`. Any Pino logger fits. */
  readonly logger?: Logger | undefined;
  /** Receives the inspection events of the job machines, for XState's inspector. */
  readonly inspect?: InspectMachine | undefined;
  readonly clock?: Clock | undefined;
  /** Budgets that specs may name, by provider and tenant. */
  readonly budgets?: BudgetsInput | undefined;
  /** Breakers that specs may name, by provider. */
  readonly breakers?: BreakersInput | undefined;
  /**
   * Budgets and breakers created elsewhere, in place of `budgets` and `breakers`. A service and its
   * pipelines can share them this way. Not closed with the runtime. Its `threadsMax` must allow one thread
   * for each pipeline that uses it.
   */
  readonly resilience?: ResilienceCoordinator | undefined;
  /**
   * Keys, tokens and passwords in plain text. They are hidden in logs, reports and errors of this thread
   * and of all jobs until the runtime is closed. Values after a name such as `Authorization` or `apiKey` are
   * hidden anyway.
   */
  readonly secrets?: readonly string[] | undefined;
}

/**
 * Creates a runtime, which runs pipelines under supervision, each in a thread or a process of its own.
 *
 * Without `warmThreads`, no pipeline thread starts before the first job; with it, the promise resolves when
 * those threads are ready. Modules of "components" are loaded now, in throw-away threads, to read their
 * declarations.
 *
 * With `store`, the jobs and schedules of the process before go on, before the promise resolves.
 *
 * @throws {InvalidOptionsError} listing the invalid settings, and the problems of those modules.
 * @throws What the store throws: `STORE_IN_USE` if another process has its folder, say.
 */
export async function createRuntime(options: RuntimeOptions = {}): Promise<PipelineRuntime> {
  assertMapping('createRuntime', options);
  const {
    logger = silentLogger,
    inspect,
    clock = systemClock,
    budgets,
    breakers,
    resilience,
    store: givenStore,
    ...rest
  } = options;
  const { secrets = [], ...input } = rest;
  const { restart } = input;
  const isFolder = givenStore !== undefined && !isJobStore(givenStore);
  const settings = parseOptions(
    'runtime',
    RuntimeSettings,
    { ...input, ...(isFolder && { store: givenStore }) },
    [
      ...problemsOfCode(options),
      ...(resilience && (budgets || breakers)
        ? ['resilience: expected either "resilience" or "budgets" and "breakers"']
        : []),
    ],
  );
  const showSecrets = hideSecrets(secrets);
  const planning = new PlanningThreads(settings, clock);
  let own: ResilienceCoordinator | undefined;
  let store: RuntimeStore | undefined;
  try {
    const { catalogue, problems } = await loadCatalogue(
      settings.components,
      planning,
      new DiscoveredComponents(settings, planning),
    );
    if (problems.length > 0) throw new InvalidOptionsError('runtime', problems.map(formatProblem));
    if (budgets || breakers) own = await makeResilience({ budgets, breakers, clock, settings });
    const log = redactingLogger(logger);
    store = await openStore(isFolder ? settings : { ...settings, store: givenStore as JobStore }, {
      log,
      clock,
    });
    const common = {
      settings,
      planning,
      catalogue,
      logger: log,
      inspect,
      clock,
      secrets,
      showSecrets,
      restart,
      store,
    };
    await endLeftProcesses(settings, log);
    const runtime = new PipelineRuntime({ ...common, resilience: resilience ?? own, own });
    await runtime.warm();
    await runtime.goOn();
    return runtime;
  } catch (error) {
    await store?.jobs?.close().catch(() => {}); // the first error says more
    own?.close(); // the state machines of its breakers would keep running
    await planning.close();
    showSecrets();
    throw error;
  }
}
