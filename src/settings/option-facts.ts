import { BRANCH_MARK } from './branch-mark.js';
import { CALENDAR_MARK } from './calendar-mark.js';
import { DURATION_RANGE } from './duration.js';
import { INPUT_MARK, type InputMark } from './input-mark.js';

/** What of a JSON Schema says what an option takes. */
export interface OptionSchema {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly OptionSchema[];
  readonly oneOf?: readonly OptionSchema[];
  readonly items?: OptionSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly [DURATION_RANGE]?: readonly [string, string];
  readonly [INPUT_MARK]?: InputMark;
  readonly [BRANCH_MARK]?: readonly string[];
  readonly [CALENDAR_MARK]?: true;
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, OptionSchema>>;
  readonly additionalProperties?: boolean | OptionSchema;
  readonly required?: readonly string[];
  readonly writeOnly?: boolean;
}

/** An option as people read of it. */
export interface OptionFacts {
  readonly name: string;
  /** What it takes: one of these, values as JSON. */
  readonly takes: readonly string[];
  readonly isRequired: boolean;
  /** Whether its text is kept out of logs, reports and errors. */
  readonly isSecret: boolean;
  /** `undefined` if there is none. */
  readonly default: unknown;
  /** `undefined` if its schema has no text. */
  readonly text: string | undefined;
  /** Schema of the options within it, however deep: in a list, under names, beside a short form. */
  readonly inner: OptionSchema | undefined;
}

/** The options of a mapping, in the order in which its schema has them. */
export function optionFacts({ properties = {}, required = [] }: OptionSchema): OptionFacts[] {
  return Object.entries(properties).map(([name, option]) => ({
    name,
    takes: [...new Set(whatIsTaken(option))],
    isRequired: required.includes(name),
    isSecret: option.writeOnly === true,
    default: option.default,
    text: option.description,
    inner: isStage(option) ? undefined : mappingIn(option), // those of a stage are its own
  }));
}

const INPUT_TEXTS: Readonly<Record<InputMark, string>> = {
  source: 'source',
  line: 'source with its operators',
  operators: 'list of operators',
};

/** Whether an option is a stage, or several in a list or by names. A branch has keys besides those of its sink. */
function isStage(option: OptionSchema): boolean {
  const { items, additionalProperties: named, anyOf } = option;
  if (anyOf) return anyOf.some(isStage);
  if (items) return isStage(items);
  if (option[BRANCH_MARK]) return false;
  if (typeof named === 'object' && !option.properties) return isStage(named);
  return option[INPUT_MARK] !== undefined || option.properties?.use !== undefined;
}

function whatIsTaken(option: OptionSchema): string[] {
  const input = option[INPUT_MARK];
  if (input !== undefined) return [INPUT_TEXTS[input]];
  if (option[BRANCH_MARK]) return ['sink with its operators, batcher and queue'];
  if (option[CALENDAR_MARK]) return ['calendar'];
  if (option.const !== undefined) return [JSON.stringify(option.const)];
  if (option.enum) return option.enum.map((value) => JSON.stringify(value));
  const variants = option.anyOf ?? option.oneOf;
  if (variants) return variants.flatMap(whatIsTaken);
  const types = typeof option.type === 'string' ? [option.type] : (option.type ?? ['anything']);
  return types.map((type) => typeText(type, option));
}

function typeText(type: string, option: OptionSchema): string {
  switch (type) {
    case 'array': {
      const of = option.items ? whatIsTaken(option.items).join(' or ') : 'anything';
      const { minItems = 0, maxItems } = option;
      if (maxItems === undefined) return `list of ${of}`;
      return `list of ${minItems === 0 ? 'up' : count(minItems)} to ${count(maxItems)}: ${of}`;
    }
    case 'object':
      return 'mapping';
    case 'integer':
    case 'number':
      return `${type}${rangeText(option)}`;
    case 'string': {
      const duration = option[DURATION_RANGE];
      if (duration) return `duration ${duration[0]} to ${duration[1]}`;
      return option.format === 'date' || option.format === 'date-time' ? option.format : type;
    }
    default:
      return type;
  }
}

function rangeText({ minimum, exclusiveMinimum, maximum }: OptionSchema): string {
  const isBound = (value: number | undefined) =>
    value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : undefined;
  const [from, above, to] = [isBound(minimum), isBound(exclusiveMinimum), isBound(maximum)];
  const upTo = to === undefined ? '' : ` ${above === undefined ? 'to' : 'up to'} ${count(to)}`;
  if (above !== undefined) return ` above ${count(above)}${upTo && `,${upTo}`}`;
  if (from === undefined) return upTo && ` up${upTo}`;
  return to === undefined ? ` from ${count(from)}` : ` ${count(from)}${upTo}`;
}

const count = (value: number): string =>
  Number.isInteger(value) ? value.toLocaleString('en-US') : String(value);

function mappingIn(option: OptionSchema): OptionSchema | undefined {
  if (option.properties) return option;
  const { additionalProperties: named, items, anyOf = [], oneOf = [] } = option;
  const within = [items, ...(typeof named === 'object' ? [named] : []), ...anyOf, ...oneOf];
  for (const one of within) {
    const found = one && mappingIn(one);
    if (found) return found;
  }
  return undefined;
}
