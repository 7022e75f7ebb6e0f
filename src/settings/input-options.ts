import { z } from 'zod';
import { INPUT_MARK, type InputMark, type InputOption } from './input-mark.js';
import { type JsonNode, markedOptions, type OptionPath } from './marked-options.js';
import { StageName } from './stage-name.js';

const use = 'expected the name of a component';
/** What every stage inside another one has: `use`, and a name where it is given. */
export const Stage = z.looseObject({
  use: z.string(use).min(1, use).describe('Name of the component'),
  name: StageName.optional(),
});

/** Most operators of an input, or of a branch. */
export const INPUT_OPERATORS_MAX = 100;
const Operators = z
  .array(Stage, 'expected a list of operators')
  .max(INPUT_OPERATORS_MAX, `expected at most ${INPUT_OPERATORS_MAX} operators`);

const marked = <Mark extends InputMark>(schema: z.ZodType, as: Mark) =>
  // The brand exists in types only.
  schema.meta({ [INPUT_MARK]: as }) as z.ZodType<InputOption<Mark>, InputOption<Mark>>;

/**
 * An option that is a source: `use` and its options, with a budget and a breaker like any source. It
 * becomes an input of the stage, by the path of the option (`with`, `sources[1]`), and is taken out of its
 * options. Operators behind it may be in an option beside it: see `inputOperators`.
 *
 * @example
 * z.strictObject({ with: inputSource().describe('…'), operators: inputOperators().optional() });
 */
export const inputSource = () => marked(Stage, 'source');

/** The same for a source that has its `operators` among its own keys. */
export const inputLine = () => marked(Stage.extend({ operators: Operators.optional() }), 'line');

/** An option that is the operators behind the source beside it, or of the branch that it is in. */
export const inputOperators = () => marked(Operators, 'operators');

/** Where an input is among the options of a stage. */
export interface InputPlace {
  readonly at: OptionPath;
  readonly operatorsAt: OptionPath;
}

/**
 * Returns the inputs among the options of a stage.
 *
 * @param jsonSchema - Of its options.
 * @param options - As they were written.
 */
export function inputPlaces(jsonSchema: Readonly<Record<string, unknown>>, options: unknown): InputPlace[] {
  const at = (as: InputMark): OptionPath[] =>
    markedOptions(jsonSchema, options, IS_MARKED[as]).map(({ path }) => path);
  const [sources, lines] = [at('source'), at('line')];
  if (sources.length + lines.length === 0) return [];
  const operators = at('operators');
  return [
    ...sources.map((path) => ({
      at: path,
      operatorsAt: operators.find((one) => isBeside(one, path)) ?? [...path.slice(0, -1), 'operators'],
    })),
    ...lines.map((path) => ({ at: path, operatorsAt: [...path, 'operators'] })),
  ];
}

interface MarkedNode extends JsonNode {
  readonly [INPUT_MARK]?: unknown;
}

const isMarkedAs =
  (as: InputMark) =>
  (node: MarkedNode): boolean =>
    node[INPUT_MARK] === as;

const IS_MARKED = {
  source: isMarkedAs('source'),
  line: isMarkedAs('line'),
  operators: isMarkedAs('operators'),
} as const satisfies Readonly<Record<InputMark, unknown>>;

const isBeside = (one: OptionPath, other: OptionPath): boolean =>
  one.length === other.length && one.slice(0, -1).every((key, i) => key === other[i]);
