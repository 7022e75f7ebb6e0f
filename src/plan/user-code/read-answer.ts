import type { Column, Schema } from '../../columns/schema.js';
import { PipelineError } from '../../core/errors.js';
import { schemaComplaint } from '../../stages/operators/module/schema-check.js';
import { ANSWER_CHARS_MAX, PROBLEMS_MAX, type ThreadAnswer } from '../../wire/planning.js';
import type { PlanAnswer, PlanProblem } from './user-code.js';

const PATH_KEYS_MAX = 32;

/**
 * Reads what a thread with code of users answered. Takes nothing on trust: that code could have
 * written the answer itself.
 *
 * @throws {PipelineError} `MODULE_INVALID` for an error, or for what is no answer.
 */
export function readAnswer(text: unknown): PlanAnswer {
  const answer = parse(text);
  if ('error' in answer) throw new PipelineError('MODULE_INVALID', String(answer.error));
  const { output, problems } = answer;
  if (!Array.isArray(problems) || problems.length > PROBLEMS_MAX + 1 || !problems.every(isProblem)) {
    throw unreadable('no list of problems');
  }
  if (output === null) return { problems };
  const complaint = schemaComplaint(output);
  if (complaint !== undefined) throw unreadable(complaint);
  return { output: copySchema(output), problems };
}

function parse(text: unknown): ThreadAnswer {
  if (typeof text !== 'string' || text.length > ANSWER_CHARS_MAX) throw unreadable(`a ${typeof text}`);
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw unreadable('no JSON');
  }
  if (typeof answer !== 'object' || answer === null) throw unreadable('no object');
  return answer as ThreadAnswer;
}

function isProblem(problem: Partial<PlanProblem> | null): problem is PlanProblem {
  const { path, message } = problem ?? {};
  return (
    typeof message === 'string' &&
    Array.isArray(path) &&
    path.length <= PATH_KEYS_MAX &&
    path.every((key) => typeof key === 'string' || typeof key === 'number')
  );
}

/** Only what a schema has. */
function copySchema({ kind, columns, barNs }: Schema): Schema {
  return {
    kind,
    columns: columns.map(({ name, type, nullable, values, dictionary }: Column) => ({
      name,
      type,
      ...(nullable === true && { nullable }),
      ...(Array.isArray(values) && { values: values.map(String) }),
      ...(dictionary !== undefined && { dictionary: String(dictionary) }),
    })),
    ...(typeof barNs === 'number' && { barNs }),
  };
}

function unreadable(found: string): PipelineError {
  return new PipelineError('MODULE_INVALID', `expected the answer of a plan from its thread, found ${found}`);
}
