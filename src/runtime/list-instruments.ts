import type { z } from 'zod';
import { assertMapping, assertSignal } from '../core/assert-argument.js';
import { systemClock } from '../core/clock.js';
import { formatProblem, InvalidOptionsError } from '../core/errors.js';
import { describeValue } from '../core/shown-text.js';
import { PlanningSlots } from '../hosts/planning-slots.js';
import { PlanningThreads } from '../hosts/planning-threads.js';
import type { Catalogue } from '../plan/catalogue.js';
import { DiscoveredComponents } from '../plan/discovery/discovered-components.js';
import { loadCatalogue } from '../plan/load-catalogue.js';
import type { Instrument, OptionContract } from '../providers/contract/market-data-provider.js';
import { isDay, type ListItem, type ProviderList } from '../providers/contract/provider-list.js';
import { gateProblems } from '../providers/gate-problems.js';
import { SourceGateOptions } from '../providers/source-gate-options.js';
import type { ResilienceCoordinator } from '../resilience/resilience-coordinator.js';
import { parseOptions } from '../settings/parse-options.js';
import { ModuleSettings } from '../settings/runtime-settings.js';
import { secretsByJsonSchema, secretsOf } from '../settings/secret-options.js';
import { ASSET_CLASSES, type AssetClass, type ProviderCapabilities } from '../wire/provider-capabilities.js';
import type { ResolvedStage, SourceGateSettings } from '../wire/resolved-spec.js';

/** What a list of a provider is read with. */
export interface ProviderListOptions extends Partial<ModuleSettings> {
  /** The budget of its calls. A call costs what the provider says, and else `cost`. Default: none. */
  readonly budget?: z.input<typeof SourceGateOptions>['budget'];
  /** The provider whose breaker guards the calls. Default: none. */
  readonly breaker?: string | undefined;
  /** The provider's own options, as its sources have them. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** Has the `budget` and the `breaker` that are named: that of a runtime is `runtime.resilience`. */
  readonly resilience?: ResilienceCoordinator | undefined;
  /** Ends it: the call rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
  /** Ms from the start to the end of the list, waits for the budget included. Default: 60000. */
  readonly deadlineMs?: number | undefined;
}

/** What instruments are listed with. */
export interface InstrumentListOptions extends ProviderListOptions {
  /** Only of this class. Default: all. */
  readonly assetClass?: AssetClass | undefined;
}

/** What options are listed with. */
export interface OptionListOptions extends ProviderListOptions {
  /** Symbol of what the options are on. */
  readonly underlying: string;
  /** Only options that expire on this day, as `2024-12-20`. Default: all. */
  readonly expiry?: string | undefined;
}

const DEADLINE_MS = 60_000;
const DEADLINE_MS_MAX = 86_400_000;
/** Of their own, since a list may wait for a budget: specs are checked meanwhile. */
const listSlots = new PlanningSlots();

/**
 * Lists what can be asked of a provider, to the end of the list. Its code runs in a throw-away thread, and each call
 * passes the gate with the budget and the breaker that are named.
 *
 * @param provider - Its name, as `use` of a spec has it.
 * @throws {InvalidOptionsError} for invalid options, and for a provider that has no such list.
 * @throws {RuntimeError} what the provider has failed with, by its code.
 * @example
 * const instruments = await listInstruments('binance-spot', { signal: AbortSignal.timeout(30_000) });
 */
export async function listInstruments(
  provider: string,
  options: InstrumentListOptions = {},
): Promise<readonly Instrument[]> {
  assertMapping('listInstruments', options);
  const { assetClass, ...rest } = options;
  if (assetClass !== undefined && !ASSET_CLASSES.includes(assetClass)) {
    throw refused('listInstruments', `assetClass: expected one of ${ASSET_CLASSES.join(', ')}`);
  }
  return (await read('listInstruments', provider, { kind: 'instruments', assetClass }, rest)) as Instrument[];
}

/**
 * Lists the options on an underlying, in the same way.
 *
 * @throws {InvalidOptionsError} for invalid options, and for a provider that has no such list.
 * @throws {RuntimeError} what the provider has failed with, by its code.
 */
export async function listOptions(
  provider: string,
  options: OptionListOptions,
): Promise<readonly OptionContract[]> {
  assertMapping('listOptions', options);
  const { underlying, expiry, ...rest } = options;
  if (typeof underlying !== 'string' || underlying === '') {
    throw refused('listOptions', 'underlying: expected the symbol of what the options are on');
  }
  if (expiry !== undefined && !isDay(expiry)) {
    throw refused('listOptions', 'expiry: expected a day such as 2024-12-20');
  }
  const list = { kind: 'optionsChain', underlying, expiry } as const;
  return (await read('listOptions', provider, list, rest)) as OptionContract[];
}

async function read(
  who: string,
  provider: string,
  list: ProviderList,
  { options = {}, resilience, signal, deadlineMs, budget, breaker, ...modules }: ProviderListOptions,
): Promise<readonly ListItem[]> {
  if (typeof provider !== 'string') {
    throw refused(who, `provider: expected the name of a provider, found ${describeValue(provider)}`);
  }
  assertSignal(who, signal);
  assertMapping(`${who}: options`, options);
  const settings = parseOptions(who, ModuleSettings, modules);
  const userCode = new PlanningThreads(settings, systemClock);
  try {
    const discovery = new DiscoveredComponents(settings, userCode);
    const { catalogue, problems } = await loadCatalogue(settings.components, userCode, discovery);
    if (problems.length > 0) throw new InvalidOptionsError(who, problems.map(formatProblem));
    const terms = { options, resilience, signal, deadlineMs, budget, breaker };
    return await readProviderList({ who, provider, list, catalogue, settings, ...terms });
  } finally {
    await userCode.close();
  }
}

/** A list, and all that is needed to read it. */
export interface ListReading
  extends Pick<
    ProviderListOptions,
    'options' | 'resilience' | 'signal' | 'deadlineMs' | 'budget' | 'breaker'
  > {
  /** In messages. */
  readonly who: string;
  readonly provider: string;
  readonly list: ProviderList;
  readonly catalogue: Catalogue;
  readonly settings: ModuleSettings;
  /** Of the spec that the options are from. */
  readonly specFolder?: string | undefined;
}

/** Reads a list of a provider of a catalogue, in a thread of its own. */
export async function readProviderList(reading: ListReading): Promise<readonly ListItem[]> {
  const { who, list, settings, signal, resilience, deadlineMs = DEADLINE_MS } = reading;
  if (!Number.isInteger(deadlineMs) || deadlineMs < 1 || deadlineMs > DEADLINE_MS_MAX) {
    throw refused(who, `deadlineMs: expected 1 to ${DEADLINE_MS_MAX} milliseconds`);
  }
  const gate = gateOf(reading);
  const stage = await stageOf(reading);
  const threads = new PlanningThreads(settings, systemClock, listSlots);
  const items: ListItem[] = [];
  try {
    await threads.list(
      {
        job: `${list.kind} of ${stage.use}`,
        stage,
        list,
        gate,
        ...(resilience && { resilience: resilience.handle() }),
      },
      {
        signal,
        deadlineMs,
        onItems: (some) => {
          for (const item of some) items.push(item);
        },
        onWorker: (worker) => resilience?.attach(worker),
      },
    );
    return items;
  } finally {
    await threads.close();
  }
}

function gateOf({ who, budget, breaker, resilience }: ListReading): SourceGateSettings {
  const gate = parseOptions(who, SourceGateOptions, {
    ...(budget !== undefined && { budget }),
    ...(breaker !== undefined && { breaker }),
  });
  const problems = gateProblems(gate, resilience).map(({ key, message }) => `${key}: ${message}`);
  if (problems.length > 0) throw new InvalidOptionsError(who, problems);
  return gate;
}

/** @throws {InvalidOptionsError} if there is no such provider, or it has no such list. */
async function stageOf({
  who,
  provider,
  list,
  catalogue,
  options = {},
  specFolder,
}: ListReading): Promise<ResolvedStage> {
  const outside = await catalogue.findOutside('source', provider, specFolder);
  const own = catalogue.registry.find('source', provider);
  const capabilities = (outside?.provider ?? own?.provider)?.capabilities;
  if (!outside && !own) throw refused(who, await catalogue.missing('source', provider, specFolder));
  if (!capabilities) throw refused(who, `"${provider}" is a source and no provider: it has no lists`);
  if (capabilities[list.kind] !== true) {
    const has = LISTS.filter((kind) => capabilities[kind] === true).join(', ') || 'no list';
    throw refused(who, `expected a provider with a list "${list.kind}": "${provider}" has ${has}`);
  }
  if (!outside) {
    const schema = await own!.options(); // one of both is there
    return { use: provider, options, secrets: secretsOf(schema, options) };
  }
  const { module, file, loads } = outside;
  return {
    use: provider,
    options,
    file,
    outside: { module },
    secrets: secretsByJsonSchema(outside.options, options),
    ...(loads === 'native' && { loads }),
  };
}

const LISTS = ['instruments', 'optionsChain'] as const satisfies readonly (keyof ProviderCapabilities)[];

const refused = (who: string, problem: string): InvalidOptionsError =>
  new InvalidOptionsError(who, [problem]);
