import { nearestName } from '../../core/nearest-name.js';
import { type Catalogue, OWN_COMPONENT_HINT } from '../../plan/catalogue.js';
import { type ComponentFacts, factsOf } from '../../plan/spec-json-schema.js';
import { type OptionSchema, optionFacts } from '../../settings/option-facts.js';
import type { ExactlyOnce } from '../../wire/exactly-once.js';
import { capabilityLines } from '../capability-lines.js';
import { plainText, type Terminal } from '../terminal.js';
import { type CatalogueOptions, listCatalogue } from './list-catalogue.js';

export interface ComponentsOptions extends CatalogueOptions {
  readonly json?: boolean;
}

/** Lists what a spec can use: all, those of a kind, or those of a name. @returns The exit code. */
export function components(
  wanted: string | undefined,
  options: ComponentsOptions,
  terminal: Terminal,
): Promise<number> {
  return listCatalogue(options, terminal, (catalogue) => list(wanted, options, catalogue, terminal));
}

async function list(
  wanted: string | undefined,
  { json }: ComponentsOptions,
  catalogue: Catalogue,
  terminal: Terminal,
): Promise<number> {
  const kind = wanted?.replace(/e?s$/, '');
  const isProviders = kind === 'provider';
  const all = await factsOf(catalogue);
  const ofKind = all.filter(
    (info) =>
      (isProviders && info.provider) ||
      info.kind === wanted ||
      info.kind === kind ||
      `${info.kind}s` === wanted,
  );
  if (isProviders && ofKind.length === 0) {
    terminal.say(
      'there are no providers: install a package that has one, or name its module with --components\n',
    );
    return 0;
  }
  const found =
    wanted === undefined ? all : ofKind.length > 0 ? ofKind : all.filter(({ name }) => name === wanted);
  if (found.length === 0) {
    const known = [...new Set(all.flatMap((info) => [info.kind, info.name]))];
    const near = nearestName(wanted ?? '', known);
    const ownHint = catalogue.outside.length === 0 ? `; ${OWN_COMPONENT_HINT}` : '';
    const hint = near === undefined ? ownHint : `; did you mean "${near}"?`;
    terminal.say(
      `error: expected one of ${known.join(', ')}, found "${plainText(wanted ?? '', 80)}"${hint}\n`,
    );
    return 2;
  }
  if (json) await terminal.print(`${JSON.stringify({ components: found }, null, 2)}\n`);
  else await terminal.print(found.map(describe).join('\n'));
  return 0;
}

function describe(facts: ComponentFacts): string {
  const { kind, name, summary, module, package: installed, provider, exactlyOnce, options: schema } = facts;
  const found = optionLines(schema, '');
  const origin = installed ? `package ${installed.name} ${installed.version}` : module;
  const from = origin === undefined ? [] : [`  from ${origin}`];
  const supplies = provider ? capabilityLines(provider.capabilities) : [];
  const lines = [
    `${provider ? 'provider' : kind} ${name}: ${summary}`,
    ...from,
    ...supplies,
    ...(exactlyOnce ? [`  exactly once: ${exactlyOnceText(exactlyOnce)}`] : []),
    ...(found.length === 0 ? ['  no options'] : found),
  ];
  // Those from outside have texts that nobody of us has read.
  return lines.map((line) => `${plainText(line, 2_000)}\n`).join('');
}

function exactlyOnceText(part: ExactlyOnce): string {
  if (part === 'yes') return 'takes part in checkpoints';
  if (part === 'by its stages')
    return 'as its options, or the stages and the code inside it, take part in checkpoints';
  return `no, it ${part.cannot}; ${part.instead}`;
}

function optionLines(schema: OptionSchema, prefix: string): string[] {
  return optionFacts(schema).flatMap(
    ({ name, takes, isRequired, isSecret, default: preset, text, inner }) => {
      const stands = isRequired
        ? ', required'
        : preset === undefined
          ? ''
          : `, default ${JSON.stringify(preset)}`;
      return [
        `  ${prefix}${name} (${takes.join(' | ')}${stands}${isSecret ? ', secret' : ''})`,
        ...(text === undefined ? [] : [`      ${text}`]),
        ...(inner ? optionLines(inner, `${prefix}${name}.`) : []),
      ];
    },
  );
}
