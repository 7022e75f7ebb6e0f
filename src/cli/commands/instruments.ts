import { InvalidOptionsError, RuntimeError } from '../../core/errors.js';
import { folderOfSpec, readDocumentFile } from '../../documents/document-file.js';
import type { Instrument, OptionContract } from '../../providers/contract/market-data-provider.js';
import { fieldsOf, ownOptions } from '../../providers/contract/own-options.js';
import type { ListItem, ProviderList } from '../../providers/contract/provider-list.js';
import { gateProblems } from '../../providers/gate-problems.js';
import { type ListReading, readProviderList } from '../../runtime/list-instruments.js';
import type { AssetClass } from '../../wire/provider-capabilities.js';
import { fittedTable, type TableColumn } from '../fitted-table.js';
import { EXIT_CODE } from '../interrupts.js';
import { type LoadedSettings, loadSettings } from '../load-settings.js';
import { withCatalogue } from '../open-catalogue.js';
import { applyOverride, OverrideError, parseOverride } from '../overrides.js';
import { sayRefusal } from '../problem-lines.js';
import { plainText, type Terminal } from '../terminal.js';

export interface InstrumentsOptions {
  /** The provider's own options, as `name=value`. */
  readonly option: readonly string[];
  /** File with a spec whose source has them, and names budget and breaker. */
  readonly spec?: string;
  /** Only these. */
  readonly symbols?: string;
  readonly assetClass?: AssetClass;
  /** Lists the options on this instead. */
  readonly underlying?: string;
  readonly expiry?: string;
  readonly settings?: string;
  readonly components?: readonly string[];
  readonly json?: boolean;
}

/** What a source of a provider says of it. */
type Asked = Pick<ListReading, 'options' | 'budget' | 'breaker' | 'specFolder'>;

const WHO = 'instruments';

/** Lists what can be asked of a provider, or the options on something. @returns The exit code. */
export async function instruments(
  provider: string,
  options: InstrumentsOptions,
  terminal: Terminal,
): Promise<number> {
  const stopping = new AbortController();
  const onInterrupt = () => stopping.abort();
  process.once('SIGINT', onInterrupt);
  let settings: LoadedSettings | undefined;
  try {
    settings = await loadSettings(options.settings, { components: options.components });
    const found = await read(provider, options, settings, stopping.signal);
    const wanted = options.symbols?.split(',').filter((symbol) => symbol !== '');
    const shown = wanted ? found.filter(({ symbol }) => wanted.includes(symbol)) : found;
    const missing = wanted?.filter((symbol) => !found.some((item) => item.symbol === symbol)) ?? [];
    for (const symbol of missing)
      terminal.say(`warning: "${provider}" does not list ${plainText(symbol, 80)}\n`);
    await terminal.print(
      options.json
        ? `${JSON.stringify(options.underlying === undefined ? { instruments: shown } : { options: shown }, null, 2)}\n`
        : await tableOf(shown, options.underlying !== undefined, terminal),
    );
    return missing.length > 0 ? 1 : 0;
  } catch (error) {
    if (stopping.signal.aborted) return EXIT_CODE.SIGINT;
    if (error instanceof OverrideError) {
      terminal.say(`--option: ${plainText(error.message)}\n`);
      return 2;
    }
    if (!(error instanceof RuntimeError)) throw error;
    sayRefusal(error, terminal);
    return error.code === 'OPTIONS_INVALID' || error.code === 'SPEC_INVALID' ? 2 : 1;
  } finally {
    process.off('SIGINT', onInterrupt);
    settings?.resilience?.close();
  }
}

function read(
  provider: string,
  options: InstrumentsOptions,
  settings: LoadedSettings,
  signal: AbortSignal,
): Promise<readonly ListItem[]> {
  const { underlying, expiry, assetClass } = options;
  const list: ProviderList =
    underlying === undefined
      ? { kind: 'instruments', assetClass }
      : { kind: 'optionsChain', underlying, expiry };
  return withCatalogue(settings, async ({ catalogue }) => {
    const asked = await askedFor(provider, options);
    const { resilience, modules } = settings;
    const gate = asked.budget || asked.breaker ? {} : declaredFor(provider, resilience);
    return readProviderList({
      who: WHO,
      provider,
      list,
      catalogue,
      settings: modules,
      resilience,
      signal,
      ...gate,
      ...asked,
    });
  });
}

/** A budget and a breaker of the settings under the name of the provider are its own. */
function declaredFor(
  provider: string,
  resilience: LoadedSettings['resilience'],
): Pick<ListReading, 'budget' | 'breaker'> {
  const budget = { provider, cost: 1 };
  const has = (gate: Parameters<typeof gateProblems>[0]) =>
    resilience !== undefined && gateProblems(gate, resilience).length === 0;
  return { ...(has({ budget }) && { budget }), ...(has({ breaker: provider }) && { breaker: provider }) };
}

async function askedFor(provider: string, { spec, option }: InstrumentsOptions): Promise<Asked> {
  const source = spec === undefined ? { asked: {} } : await sourceIn(spec, provider);
  const data = { source: { ...source.asked.options } };
  for (const text of option) applyOverride(data, parseOverride(`source.${text}`));
  return { ...source.asked, options: data.source };
}

/** @throws {InvalidOptionsError} if no source of a spec is made of the provider. */
async function sourceIn(path: string, provider: string): Promise<{ readonly asked: Asked }> {
  const [file, ...more] = await readDocumentFile(path, 'spec');
  if (file && file.problems.length > 0) {
    throw new InvalidOptionsError(
      path,
      file.problems.map(({ message }) => message),
    );
  }
  for (const { value, file: name } of file ? [file, ...more] : []) {
    const { use, name: _name, queue: _queue, budget, breaker, ...rest } = fieldsOf(fieldsOf(value).source);
    if (use !== provider) continue;
    const specFolder = folderOfSpec(name);
    const gate = { budget: budget as ListReading['budget'], breaker: breaker as ListReading['breaker'] }; // checked when it is read
    return { asked: { options: ownOptions(rest), ...gate, specFolder } };
  }
  throw new InvalidOptionsError(WHO, [
    `--spec: expected a spec whose source is "${provider}", found none in ${path}`,
  ]);
}

const INSTRUMENT_COLUMNS: readonly TableColumn[] = [
  { head: 'symbol' },
  { head: 'class' },
  { head: 'tick size', isRight: true },
  { head: 'lot size', isRight: true },
  { head: 'currency' },
];
const OPTION_COLUMNS: readonly TableColumn[] = [
  { head: 'symbol' },
  { head: 'right' },
  { head: 'strike', isRight: true },
  { head: 'expiry' },
  { head: 'multiplier', isRight: true },
];

async function tableOf(items: readonly ListItem[], isOptions: boolean, terminal: Terminal): Promise<string> {
  const textOf = (value: unknown) => (value === undefined ? '' : plainText(String(value), 80));
  const rows = items.map((item) => {
    if (isOptions) {
      const { symbol, right, strike, expiry, multiplier } = item as OptionContract; // that is what was asked for
      return [symbol, right, strike, expiry, multiplier].map(textOf);
    }
    const { symbol, assetClass, tickSize, lotSize, currency } = item as Instrument;
    return [symbol, assetClass, tickSize, lotSize, currency].map(textOf);
  });
  const columns = isOptions ? OPTION_COLUMNS : INSTRUMENT_COLUMNS;
  const table = await fittedTable(columns, rows, { width: terminal.tableColumns, keys: 1 });
  return `${table}\n${items.length} ${isOptions ? 'options' : 'instruments'}\n`;
}
