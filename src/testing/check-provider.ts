import { assertMapping } from '../core/assert-argument.js';
import { InvalidOptionsError } from '../core/errors.js';
import { hideSecrets } from '../core/hide-secrets.js';
import { redact } from '../core/redact.js';
import type { ProviderDefinition } from '../providers/contract/define-provider.js';
import type { ProviderCheckOptions } from './check-options.js';
import { CheckRig } from './check-rig.js';
import { callChecks } from './checks/call-checks.js';
import { declarationChecks, messageOf } from './checks/declaration-checks.js';
import { streamChecks } from './checks/stream-checks.js';

/** What became of a check. */
export interface CheckResult {
  readonly id: string;
  /** What holds of a provider that passes. */
  readonly title: string;
  readonly result: 'passed' | 'failed' | 'left out';
  /** What is wrong, or why it was left out. */
  readonly found: readonly string[];
}

/** What a provider was checked for. */
export interface ProviderCheckReport {
  readonly provider: string;
  readonly checks: readonly CheckResult[];
  /** Whether no check has failed. */
  readonly passed: boolean;
}

/** A provider does not keep the contract: `report` has what was checked. */
export class ProviderCheckError extends Error {
  override readonly name = 'ProviderCheckError';
  readonly report: ProviderCheckReport;

  constructor(report: ProviderCheckReport) {
    const failed = report.checks.filter(({ result }) => result === 'failed');
    const lines = failed.flatMap(({ id, found }) => found.map((one) => `${id}: ${one}`));
    super(`Provider "${report.provider}" fails ${failed.length} checks:\n  - ${lines.join('\n  - ')}`);
    this.report = report;
  }
}

/**
 * Checks a provider against the contract. It makes providers, streams and asks for history as a pipeline would, and
 * works in any test runner. Against a real supplier it makes real calls: some thirty streams and pages.
 *
 * @throws {InvalidOptionsError} for options that are none.
 *
 * @example
 * it('keeps the contract', async () => {
 *   const options = { url: server.url, apiKey: 'test' };
 *   await assertProvider(provider, { options, symbols: ['BTC-USD'] });
 * });
 */
export async function checkProvider(
  definition: ProviderDefinition,
  options: ProviderCheckOptions,
): Promise<ProviderCheckReport> {
  assertMapping('checkProvider', definition);
  assertMapping('checkProvider', options);
  const { symbols } = options;
  if (!Array.isArray(symbols) || symbols.length === 0 || symbols.some((one) => typeof one !== 'string')) {
    throw new InvalidOptionsError('checkProvider', ['symbols: expected a list of symbols that have rows']);
  }
  const showSecrets = hideSecrets(await secretsOfOptions(definition, options));
  try {
    return await checksOf(definition, options);
  } finally {
    showSecrets();
  }
}

async function checksOf(
  definition: ProviderDefinition,
  options: ProviderCheckOptions,
): Promise<ProviderCheckReport> {
  const rig = new CheckRig(definition, options);
  const checks: CheckResult[] = [];
  const { capabilities, name } = definition;
  const [declaration, ...others] = declarationChecks(definition);
  const run = async ({ id, title, leftOut, run }: typeof declaration & object) => {
    const why = leftOut(rig);
    if (why !== undefined) {
      checks.push({ id, title, result: 'left out', found: [why] });
      return;
    }
    const found = new Set<string>();
    try {
      for (const one of await run(rig)) found.add(redact(one));
    } catch (error) {
      found.add(redact(messageOf(error)));
    }
    try {
      await rig.close();
    } catch (error) {
      found.add(redact(messageOf(error))); // a clock whose time does not pass
    }
    checks.push({ id, title, result: found.size === 0 ? 'passed' : 'failed', found: [...found] });
  };
  await run(declaration!); // it is the first of its list
  // The other checks go by what was declared.
  if (checks[0]?.result === 'passed') {
    for (const check of [...others, ...streamChecks(capabilities), ...callChecks(capabilities)])
      await run(check);
  }
  return { provider: String(name), checks, passed: checks.every(({ result }) => result !== 'failed') };
}

/** The texts of all options that are marked as secret. None where the options are no schema: a check says so. */
async function secretsOfOptions(
  definition: ProviderDefinition,
  { options, wrongOptions = [] }: ProviderCheckOptions,
): Promise<string[]> {
  try {
    const { secretsOf } = await import('../settings/secret-options.js'); // Zod, which this entry does not load
    const schema = await definition.options();
    return [options, ...wrongOptions.map((wrong) => wrong.options)].flatMap((own) =>
      secretsOf(schema, own ?? {}),
    );
  } catch {
    return [];
  }
}

/**
 * The same, for a test.
 *
 * @returns What was checked.
 * @throws {ProviderCheckError} listing everything that is wrong.
 */
export async function assertProvider(
  definition: ProviderDefinition,
  options: ProviderCheckOptions,
): Promise<ProviderCheckReport> {
  const report = await checkProvider(definition, options);
  if (!report.passed) throw new ProviderCheckError(report);
  return report;
}

/** The report as a table in Markdown, a line for each check, for the README of a provider. */
export function evidenceTable(report: ProviderCheckReport): string {
  assertMapping('evidenceTable', report);
  const { checks = [] } = report;
  const rows = checks.map(({ id, title, result, found }) => {
    const note = result === 'passed' ? '' : found.join('; ').replace(/\s+/g, ' ').replaceAll('|', '\\|');
    return `| \`${id}\` | ${title} | ${result} | ${note} |`;
  });
  return ['| check | what holds | result | |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
