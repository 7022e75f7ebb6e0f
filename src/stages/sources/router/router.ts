import type { Schema } from '../../../columns/schema.js';
import { columnIndex } from '../../../columns/schema.js';
import { sequenceIndex } from '../../../columns/sequence.js';
import { invariant } from '../../../core/invariant.js';
import type { PlanProblems, SourceFactory } from '../../../engine/factories.js';
import { equalColumns } from '../../../engine/inputs/equal-columns.js';
import type { RouterOptions } from './options.js';
import { RouterSource } from './router-source.js';
import { nameOfSource } from './source-names.js';

const NO_COLUMNS: Schema = { kind: 'custom', columns: [] };

/** Factory of the source `router`. */
export const routerSource: SourceFactory<RouterOptions> = {
  plan(options, problems, { inputs }) {
    const schema = equalColumns(inputs, problems) ?? NO_COLUMNS;
    checkOptions(options, schema, problems);
    checkWeights(options, Object.keys(inputs).map(nameOfSource), problems);
    return schema;
  },
  create(options, context) {
    const schema = equalColumns(
      Object.fromEntries(Object.entries(context.inputs).map(([id, input]) => [id, input.schema])),
    );
    invariant(schema !== undefined, 'a router has sources');
    return new RouterSource(options, schema, context);
  },
};

function checkOptions(options: RouterOptions, schema: Schema, problems: PlanProblems): void {
  const { sequence, switchOnGap, standby, silence, sessions, silentShare, backOff, backOffMax } = options;
  if (sequence && sequenceIndex(schema) < 0) {
    problems.add(
      ['sequence'],
      'expected sources with a column "sequence" of numbers, found none: leave this option out, or make one with "operators"',
    );
  }
  if (sequence?.scope === 'symbol' && columnIndex(schema, 'symbol') < 0) {
    problems.add(
      ['sequence', 'scope'],
      'expected sources with a column "symbol", found none: say `scope: stream`',
    );
  }
  if (switchOnGap && standby !== 'hot') {
    problems.add(
      ['switchOnGap'],
      'expected `standby: hot` beside it: a gap is no reason to open a source first',
    );
  }
  if (sessions !== undefined && silence === undefined) {
    problems.add(['sessions'], 'expected "silence" beside it, which says how long is too long');
  }
  if (silentShare < 1 && silence === undefined) {
    problems.add(['silentShare'], 'expected "silence" beside it, which says how long is too long');
  }
  if (silentShare < 1 && columnIndex(schema, 'symbol') < 0) {
    problems.add(['silentShare'], 'expected sources with a column "symbol", found none');
  }
  if (backOffMax < backOff) {
    problems.add(['backOffMax'], 'expected at least "backOff", found less');
  }
}

function checkWeights(
  { weights, strategy }: RouterOptions,
  names: readonly string[],
  problems: PlanProblems,
): void {
  if (weights === undefined) return;
  if (strategy !== 'weighted') {
    problems.add(
      ['weights'],
      'expected `strategy: weighted` beside it, since no other strategy uses weights',
    );
  }
  if (Array.isArray(weights)) {
    if (weights.length !== names.length) {
      problems.add(
        ['weights'],
        `expected ${names.length} weights, one for each source, found ${weights.length}`,
      );
    }
    return;
  }
  for (const name of names.filter((one) => !Object.hasOwn(weights, one))) {
    problems.add(['weights'], `expected a weight for each source, found none for ${name}`);
  }
  for (const name of Object.keys(weights).filter((one) => !names.includes(one))) {
    problems.add(['weights', name], `expected the name of a source (there are: ${names.join(', ')})`);
  }
}
