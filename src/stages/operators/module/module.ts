import { pathToFileURL } from 'node:url';
import type { Schema } from '../../../columns/schema.js';
import { importFile } from '../../../core/import-later.js';
import { cutList } from '../../../core/shown-text.js';
import type { OperatorFactory, PlanProblems } from '../../../engine/factories.js';
import type { Operator } from '../../../engine/operator.js';
import { quote } from '../../../expressions/expression-error.js';
import { guardOperator } from './guard-operator.js';
import { failed, invalid, messageOf, shapeOf } from './module-faults.js';
import type { ModuleOptions } from './options.js';
import { schemaComplaint } from './schema-check.js';

/**
 * Loads an operator from the user's module. The export must be made by `defineOperator` or
 * `defineRowOperator`, or be an object of the same shape (it may come from another copy of this package).
 * The module's top level runs in the calling thread.
 *
 * @param file - Absolute path of the module.
 * @throws {PipelineError} `MODULE_INVALID` if it throws while it loads, or its export is not an operator.
 */
export async function loadModuleOperator(
  options: ModuleOptions,
  file: string,
): Promise<OperatorFactory<ModuleOptions>> {
  const where = `module ${quote(options.path)}`;
  let exports: Record<string, unknown>;
  try {
    exports = await importFile(pathToFileURL(file).href);
  } catch (error) {
    throw invalid(`${where}: it failed while loading: ${messageOf(error)}`, error);
  }
  return guard(where, operatorIn(where, exports, options.export));
}

function operatorIn(where: string, exports: Record<string, unknown>, name: string): OperatorFactory<unknown> {
  const names = Object.keys(exports);
  if (!names.includes(name)) {
    const there = names.length === 0 ? 'nothing' : cutList(names);
    throw invalid(`${where}: expected an export "${name}", found ${there}`);
  }
  const found = exports[name] as Partial<OperatorFactory<unknown>> | null | undefined;
  // A CommonJS module that sets `exports.default` arrives as the default's default.
  const inner = (found as { default?: Partial<OperatorFactory<unknown>> } | null | undefined)?.default;
  for (const candidate of [found, inner]) {
    if (typeof candidate?.plan === 'function' && typeof candidate.create === 'function') {
      return candidate as OperatorFactory<unknown>;
    }
  }
  throw invalid(
    `${where}: expected its export "${name}" to be an operator made by defineOperator or defineRowOperator ` +
      `(an object with the functions "plan" and "create"), found ${shapeOf(found)}`,
  );
}

/** Passes the user's operator its own options, and gives its errors a code and the module's name. */
function guard(where: string, factory: OperatorFactory<unknown>): OperatorFactory<ModuleOptions> {
  return {
    plan({ options }, input, problems, spec) {
      const own: PlanProblems = {
        add: (path, message) => problems.add(['options', ...path], message),
      };
      let output: Schema;
      try {
        output = factory.plan(options, input, own, spec);
      } catch (error) {
        problems.add([], `${where}: its plan failed: ${messageOf(error)}`);
        return input;
      }
      const complaint = schemaComplaint(output);
      if (complaint === undefined) return output;
      problems.add([], `${where}: expected its plan to return the output schema, ${complaint}`);
      return input;
    },

    create({ options }, input, context) {
      let operator: Operator;
      try {
        operator = factory.create(options, input, context);
      } catch (error) {
        throw failed(`The operator of ${where}`, 'could not be created', error);
      }
      return guardOperator(operator, { where, who: `The operator of ${where}` });
    },
  };
}
