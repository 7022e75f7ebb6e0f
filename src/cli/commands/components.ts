import { nearestName } from '../../core/nearest-name.js';
import type { Component } from '../../engine/component.js';
import { optionsJsonSchema } from '../../plan/spec-json-schema.js';
import { builtIn } from '../../registry/built-in.js';
import { plainText, type Terminal } from '../terminal.js';

/** Lists what a spec can use: all, those of a kind, or those of a name. @returns The exit code. */
export async function components(
  wanted: string | undefined,
  { json }: { readonly json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const kind = wanted?.replace(/e?s$/, '');
  const all = builtIn.all();
  const ofKind = all.filter(
    (info) => info.kind === wanted || info.kind === kind || `${info.kind}s` === wanted,
  );
  const found =
    wanted === undefined ? all : ofKind.length > 0 ? ofKind : all.filter(({ name }) => name === wanted);
  if (found.length === 0) {
    const known = [...new Set(all.flatMap((info) => [info.kind, info.name]))];
    const near = nearestName(wanted ?? '', known);
    const hint = near === undefined ? '' : `; did you mean "${near}"?`;
    terminal.say(
      `error: expected one of ${known.join(', ')}, found "${plainText(wanted ?? '', 80)}"${hint}\n`,
    );
    return 2;
  }
  if (json) {
    const entries = await Promise.all(
      found.map(async (component) => {
        const { kind, name, summary, loads = 'javascript' } = component;
        const options = await optionsJsonSchema(component);
        return { kind, name, summary, loads: typeof loads === 'string' ? loads : 'by its options', options };
      }),
    );
    await terminal.print(`${JSON.stringify({ components: entries }, null, 2)}\n`);
    return 0;
  }
  await terminal.print((await Promise.all(found.map(describe))).join('\n'));
  return 0;
}

interface OptionSchema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly OptionSchema[];
  readonly items?: OptionSchema;
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, OptionSchema>>;
  readonly required?: readonly string[];
}

async function describe(component: Component): Promise<string> {
  const lines = options((await optionsJsonSchema(component)) as OptionSchema, '');
  const body = lines.length === 0 ? ['  no options'] : lines;
  return `${component.kind} ${component.name}: ${component.summary}\n${body.join('\n')}\n`;
}

function options({ properties = {}, required = [] }: OptionSchema, prefix: string): string[] {
  return Object.entries(properties).flatMap(([name, option]) => {
    const isRequired = required.includes(name);
    const preset = option.default === undefined ? '' : `, default ${JSON.stringify(option.default)}`;
    const facts = `${typeOf(option)}${isRequired ? ', required' : preset}`;
    const text = option.description === undefined ? '' : `\n      ${option.description}`;
    return [`  ${prefix}${name} (${facts})${text}`, ...options(option, `${prefix}${name}.`)];
  });
}

function typeOf(option: OptionSchema): string {
  if (option.const !== undefined) return JSON.stringify(option.const);
  if (option.enum) return option.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (option.anyOf) return [...new Set(option.anyOf.map(typeOf))].join(' | ');
  if (option.type === 'array') return `list of ${option.items ? typeOf(option.items) : 'anything'}`;
  if (option.type === 'object') return 'mapping';
  if (option.type === undefined) return 'anything';
  return typeof option.type === 'string' ? option.type : option.type.join(' | ');
}
