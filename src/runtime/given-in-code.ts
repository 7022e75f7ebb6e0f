import { assertMapping, type Capability, CLOCK, lackingMethods } from '../core/assert-argument.js';
import { InvalidOptionsError } from '../core/errors.js';
import { describeValue } from '../core/shown-text.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';

/** What options may hold that is code and not data, by its key. */
const CAPABILITIES: readonly Capability[] = [
  // `console` is no logger: it has no `child`, which the first job would ask for.
  { key: 'logger', what: 'a Pino logger', methods: ['debug', 'info', 'warn', 'error', 'child'] },
  CLOCK,
  { key: 'source', what: 'the factory of a source', methods: ['plan', 'create'] },
  { key: 'sink', what: 'the factory of a sink', methods: ['create'] },
  { key: 'resilience', what: 'a ResilienceCoordinator', methods: ['limiter', 'breaker', 'throttled'] },
];

/** Returns what is wrong with the objects among options, which no schema checks. */
export function problemsOfCode(options: object): string[] {
  const given = options as Readonly<Record<string, unknown>>;
  return CAPABILITIES.flatMap((capability) => lackingMethods(capability, given[capability.key]));
}

/**
 * Checks that a spec has the form of one that `resolveSpec` returns. What is in its stages is not checked again.
 *
 * @throws {InvalidOptionsError} naming what is missing.
 */
export function assertResolved(call: string, spec: ResolvedSpec): void {
  assertMapping(call, spec);
  const { name, source, operators, batcher, sink } = spec as Readonly<Record<keyof ResolvedSpec, unknown>>;
  const problems: string[] = [];
  const expect = (holds: boolean, key: string, what: string, found: unknown) => {
    if (!holds) problems.push(`${key}: expected ${what}, found ${describeValue(found)}`);
  };
  expect(typeof name === 'string', 'name', 'a text', name);
  for (const [key, stage] of Object.entries({ source, batcher, sink })) {
    expect(isStage(stage), key, 'a stage that was checked', stage);
  }
  const areStages = Array.isArray(operators) && operators.every(isStage);
  expect(areStages, 'operators', 'a list of stages that were checked', operators);
  if (problems.length > 0) throw new InvalidOptionsError(call, problems);
}

const isStage = (stage: unknown): boolean =>
  typeof stage === 'object' && stage !== null && 'use' in stage && typeof stage.use === 'string';
