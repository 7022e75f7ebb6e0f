/**
 * Puts the texts of options into the declarations that tsc wrote, as doc comments, for editors: tsc takes
 * no comments along into types that it infers, and the only text of an option is in its schema.
 */
import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { loadSources } from './load-source.mjs';

/**
 * @param {readonly string[]} sources - All of them. Those with schemas are loaded.
 * @returns {Promise<(source: string) => Map<string, object>>} Options with their texts, by what declares them:
 *   the names that a source exports, and components by kind and name.
 */
export async function optionTexts(sources) {
  const withSchemas = sources.filter((path) => {
    if (!existsSync(path)) return false;
    return (
      path.endsWith('/component.ts') || /from 'zod';[\s\S]*\.describe\(/.test(readFileSync(path, 'utf8'))
    );
  });
  const [{ optionFacts }, ...modules] = await loadSources(['src/settings/option-facts.ts', ...withSchemas]);
  const optionsOf = (schema) =>
    new Map(
      optionFacts(schema).map(({ name, text, inner }) => [
        name,
        { text, within: inner ? optionsOf(inner) : NONE },
      ]),
    );
  const treeOf = (schema) => optionsOf(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));

  const components = [];
  const exported = new Map();
  for (const [i, path] of withSchemas.entries()) {
    const { default: exportedComponents = [], ...named } = modules[i];
    for (const { kind, name, options } of [exportedComponents].flat()) {
      components.push([`${kind} ${name}`, treeOf(await options())]);
    }
    const schemas = Object.entries(named).map(([name, value]) => [name, asSchema(value)]);
    exported.set(
      path,
      schemas.filter(([, schema]) => schema).map(([name, schema]) => [name, treeOf(schema)]),
    );
  }
  return (source) => new Map([...components, ...(exported.get(source) ?? [])]);
}

/** A schema, or options by name that several schemas take in. */
function asSchema(value) {
  if (value instanceof z.ZodType) return value;
  const all = typeof value === 'object' && value !== null ? Object.values(value) : [];
  return all.length > 0 && all.every((one) => one instanceof z.ZodType) ? z.object(value) : undefined;
}

const NONE = new Map();
const DECLARED = /^(?:export )?(?:declare )?(?:const|type|interface) (\w+)/;
const COMPONENT = /\b(?:Component<"(?<kind>\w+)", |ProviderDefinition<)"(?<name>[^"]+)", /g;
const PROPERTY = /^(\s+)(?:readonly )?(\w+)\??: /;

/**
 * @param {string} text - A declaration file, a property a line, indented by its depth, as tsc writes it.
 * @param {Map<string, object>} trees - Of its source.
 */
export function withOptionComments(text, trees) {
  let open = [];
  const lines = text.split('\n').flatMap((line) => {
    // One without options ends on the line on which the next begins.
    const { kind = 'provider', name } = [...line.matchAll(COMPONENT)].at(-1)?.groups ?? {};
    const declared = name === undefined ? DECLARED.exec(line)?.[1] : `${kind} ${name}`;
    if (declared !== undefined) open = [{ depth: 0, options: trees.get(declared) ?? NONE }];
    const [, indent, property] = PROPERTY.exec(line) ?? [];
    if (indent === undefined || open.length === 0) return [line];
    while (open.at(-1).depth >= indent.length) open.pop();
    const option = open.at(-1).options.get(property);
    open.push({ depth: indent.length, options: option?.within ?? NONE });
    return option?.text === undefined
      ? [line]
      : [`${indent}/** ${option.text.replaceAll('*/', '*\\/')} */`, line];
  });
  return lines.join('\n');
}
