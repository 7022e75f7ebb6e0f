import { PROBLEMS_MAX, RuntimeError, toWireError } from '../../core/errors.js';
import { hideSecrets } from '../../core/hide-secrets.js';
import { redactedBeginning } from '../../core/redact.js';
import { silentLogger } from '../../telemetry/logger.js';
import { ANSWER_CHARS_MAX, type ThreadAnswer } from '../../wire/planning.js';
import { declareHere } from './declare-here.js';
import type { ListReader } from './list-here.js';
import { planHere } from './plan-here.js';
import type { ListRequest, ModuleRef, PlanningRequest, PlanProblem, PlanRequest } from './user-code.js';

const MESSAGE_CHARS_MAX = 1_000;
/** Of requests that are for no list. */
const NOBODY: ListReader = { post() {}, log: silentLogger };

/**
 * Loads user code into the calling thread and answers a request with it. Never rejects.
 *
 * @param reader - Of a list.
 * @returns A `ThreadAnswer` as JSON, of at most `ANSWER_CHARS_MAX`.
 */
export async function answerRequest(request: PlanningRequest, reader: ListReader = NOBODY): Promise<string> {
  const showSecrets = hideSecrets('stage' in request ? (request.stage.secrets ?? []) : []);
  try {
    if ('list' in request) return await listed(request, reader);
    const text = JSON.stringify(await answerOf(request));
    if (text.length <= ANSWER_CHARS_MAX) return text;
    return errorAnswer(
      `what it declares takes ${text.length} characters (columns, options and problems), expected at most ${ANSWER_CHARS_MAX}`,
    );
  } catch (error) {
    if (error instanceof RuntimeError) return errorAnswer(error.message);
    return errorAnswer(`planning failed: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    showSecrets();
  }
}

/** What fails is told with its code: it may be the provider, and not the code. */
async function listed(request: ListRequest, reader: ListReader): Promise<string> {
  try {
    const { listHere } = await import('./list-here.js');
    await listHere(request, reader);
    return JSON.stringify({ listed: true } satisfies ThreadAnswer);
  } catch (error) {
    const { code, message, retryable } = toWireError(error);
    return JSON.stringify({ failed: { code, message: cut(message), retryable } } satisfies ThreadAnswer);
  }
}

async function answerOf(request: ModuleRef | PlanRequest): Promise<ThreadAnswer> {
  if ('module' in request) return { components: await declareHere(request) };
  const { output, problems, checked } = await planHere(request);
  return { ...checked, output: output ?? null, problems: cutProblems(problems) };
}

function errorAnswer(error: string): string {
  return JSON.stringify({ error: cut(error) } satisfies ThreadAnswer);
}

function cutProblems(problems: readonly PlanProblem[]): PlanProblem[] {
  const kept = problems
    .slice(0, PROBLEMS_MAX)
    .map(({ path, message }) => ({ path, message: cut(String(message)) }));
  const more = problems.length - kept.length;
  return more === 0 ? kept : [...kept, { path: [], message: `and ${more} more problems` }];
}

const cut = (text: string): string => redactedBeginning(text, MESSAGE_CHARS_MAX);
