import type { Column, Schema } from '../../columns/schema.js';
import { type ErrorCode, PipelineError, PROBLEMS_MAX, RemoteError } from '../../core/errors.js';
import { redact } from '../../core/redact.js';
import { capabilitiesComplaint } from '../../providers/contract/capability-check.js';
import {
  ITEMS_AT_ONCE,
  type ListItem,
  type ProviderList,
  readListItem,
} from '../../providers/contract/provider-list.js';
import { schemaComplaint } from '../../stages/operators/module/schema-check.js';
import type { DeclaredComponent } from '../../wire/declared-component.js';
import { findNotPlain } from '../../wire/not-plain.js';
import { ANSWER_CHARS_MAX, COMPONENTS_MAX } from '../../wire/planning.js';
import {
  type DeclaredProvider,
  PROVIDER_CONTRACT,
  type ProviderCapabilities,
} from '../../wire/provider-capabilities.js';
import type { StageFacts } from '../../wire/stage-facts.js';
import type { NamedPath, StageFiles, WrittenPath } from '../../wire/stage-files.js';
import { jsonSchemaComplaint } from './json-schema-check.js';
import type { CheckedStage, PlanAnswer, PlanProblem } from './user-code.js';

const PATH_KEYS_MAX = 32;
const FILES_MAX = 10_000;
const NAME_CHARS_MAX = 100;
const SUMMARY_CHARS_MAX = 1_000;

/**
 * Reads the answer of a thread with user code to a plan request. Trusts nothing: the user code could have
 * forged the answer.
 *
 * @throws {PipelineError} `MODULE_INVALID` if the answer is an error or is malformed.
 */
export function readPlanAnswer(text: unknown): PlanAnswer {
  const answer = parse(text);
  const { output, problems } = answer;
  if (!Array.isArray(problems) || problems.length > PROBLEMS_MAX + 1 || !problems.every(isProblem)) {
    throw unreadable('no list of problems');
  }
  const checked = readChecked(answer);
  const rest = { problems: problems as PlanProblem[], ...(checked && { checked }) };
  if (output === null) return rest;
  const complaint = schemaComplaint(output);
  if (complaint !== undefined) throw unreadable(complaint);
  return { output: copySchema(output as Schema), ...rest }; // checked above
}

/**
 * Reads the declarations of a module's components, without trusting them either.
 *
 * @throws {PipelineError} `MODULE_INVALID` if the answer is an error or is malformed.
 */
export function readDeclaration(text: unknown): readonly DeclaredComponent[] {
  const { components } = parse(text);
  if (!Array.isArray(components) || components.length > COMPONENTS_MAX) throw unreadable('no components');
  return components.map(readComponent);
}

/**
 * Reads the answer to a request for a list, whose items came before it.
 *
 * @throws {RemoteError} what the provider, its gate or its options have failed with.
 */
export function readListEnd(text: unknown): true {
  const { listed, failed } = parse(text);
  if (listed === true) return true;
  const { code, message, retryable } = fieldsOf(failed, 'no end of a list');
  if (typeof code !== 'string' || !/^[A-Z][A-Z_]{2,60}$/.test(code) || typeof message !== 'string') {
    throw unreadable('an error without a code');
  }
  throw new RemoteError({ code: code as ErrorCode, message: redact(message), retryable: retryable === true });
}

/** Reads items of a list. @throws {PipelineError} `MODULE_INVALID` if they are none. */
export function readListItems(kind: ProviderList['kind'], text: string): readonly ListItem[] {
  if (text.length > ANSWER_CHARS_MAX) throw unreadable('a part of a list that is too long');
  let items: unknown;
  try {
    items = JSON.parse(text);
  } catch {
    throw unreadable('a part of a list that is no JSON');
  }
  if (!Array.isArray(items) || items.length > ITEMS_AT_ONCE)
    throw unreadable('a part of a list that is none');
  return items.map((item: unknown) => {
    const read = readListItem(kind, item);
    if (!read) throw unreadable('an item of a list that is none');
    return read;
  });
}

type Fields = Readonly<Record<string, unknown>>;

function parse(text: unknown): Fields {
  if (typeof text !== 'string' || text.length > ANSWER_CHARS_MAX) throw unreadable(`a ${typeof text}`);
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw unreadable('no JSON');
  }
  const fields = fieldsOf(answer, 'no object');
  if ('error' in fields) throw new PipelineError('MODULE_INVALID', String(fields.error));
  return fields;
}

function readComponent(component: unknown): DeclaredComponent {
  const { kind, name, summary, loads, mayChange, options, provider } = fieldsOf(
    component,
    'a component that is none',
  );
  if (!isOneOf(kind, ['source', 'operator', 'batcher', 'sink'])) throw unreadable('a component of no kind');
  if (!isText(name, NAME_CHARS_MAX)) throw unreadable('a component without a name');
  if (!isText(summary, SUMMARY_CHARS_MAX)) {
    throw unreadable(`no summary of ${kind} "${name}", of at most ${SUMMARY_CHARS_MAX} characters`);
  }
  if (!isOneOf(loads, ['javascript', 'wasm', 'native', 'by its options'])) {
    throw unreadable(`no "loads" of ${kind} "${name}"`);
  }
  if (!Array.isArray(mayChange) || !mayChange.every((option) => isText(option, NAME_CHARS_MAX))) {
    throw unreadable(`no list "mayChange" of ${kind} "${name}"`);
  }
  const complaint = jsonSchemaComplaint(options);
  if (complaint !== undefined) throw unreadable(`a JSON Schema of ${kind} "${name}" with ${complaint}`);
  return {
    kind,
    name,
    summary,
    loads,
    mayChange,
    options: options as Fields, // checked above
    ...(provider !== undefined && { provider: readProvider(provider, name) }),
  };
}

function readProvider(provider: unknown, name: string): DeclaredProvider {
  const { contract, capabilities } = fieldsOf(provider, `no provider "${name}"`);
  const complaint = capabilitiesComplaint(capabilities);
  if (contract !== PROVIDER_CONTRACT || complaint !== undefined) {
    throw unreadable(complaint ?? `a provider "${name}" of another contract`);
  }
  return { contract, capabilities: capabilities as ProviderCapabilities }; // checked
}

function readChecked({ options, loads, facts, files }: Fields): CheckedStage | undefined {
  if (loads === undefined) return undefined;
  if (!isOneOf(loads, ['javascript', 'wasm', 'native'])) {
    throw unreadable('no "loads"');
  }
  const notPlain = findNotPlain(options ?? null);
  if (notPlain) throw unreadable(`${notPlain.found} among its options`);
  return {
    options: options ?? {},
    loads,
    ...(facts !== undefined && { facts: readFacts(facts) }),
    ...(files !== undefined && { files: readFiles(files) }),
  };
}

/** What a plan need not ask of user code is left out. */
function readFacts(facts: unknown): StageFacts {
  const { keepsTime, groupsBy, decides, leavesRowsUnrouted, replayOnly } = fieldsOf(
    facts,
    'facts that are none',
  );
  return {
    ...(keepsTime === true && { keepsTime }),
    ...(groupsBy !== undefined && { groupsBy: readGroups(groupsBy) }),
    ...(decides === true && { decides }),
    ...(leavesRowsUnrouted === true && { leavesRowsUnrouted }),
    ...(replayOnly !== undefined && { replayOnly: readReplayOnly(replayOnly) }),
  };
}

function readReplayOnly(replayOnly: unknown): NonNullable<StageFacts['replayOnly']> {
  const { input, option, message } = fieldsOf(replayOnly, 'an input to replay that is none');
  const areTexts = isText(input, NAME_CHARS_MAX) && isText(option, NAME_CHARS_MAX);
  if (!areTexts || !isText(message, SUMMARY_CHARS_MAX)) {
    throw unreadable('no input that has to be replayed, option and message');
  }
  return { input, option, message: redact(message) };
}

function readGroups(groups: unknown): NonNullable<StageFacts['groupsBy']> {
  const { column, option } = fieldsOf(groups, 'a column to group by that is none');
  if (!isText(column, NAME_CHARS_MAX) || !isText(option, NAME_CHARS_MAX)) {
    throw unreadable('no column to group by, and the option that names it');
  }
  return { column, option };
}

function readFiles(files: unknown): StageFiles {
  const { reads = [], writes = [] } = fieldsOf(files, 'files that are none');
  for (const list of [reads, writes]) {
    if (!Array.isArray(list) || list.length > FILES_MAX) throw unreadable('no list of files');
  }
  return {
    reads: (reads as unknown[]).map(readNamedPath),
    writes: (writes as unknown[]).map((written): WrittenPath => {
      const { partsEndIn, partitionBy, isShared } = fieldsOf(written, 'a file that is none');
      return {
        ...readNamedPath(written),
        ...(partsEndIn !== undefined && { partsEndIn: String(partsEndIn) }),
        ...(Array.isArray(partitionBy) && { partitionBy: partitionBy.map(String) }),
        ...(isShared === true && { isShared }),
      };
    }),
  };
}

function readNamedPath(file: unknown): NamedPath {
  const { path, at } = fieldsOf(file, 'a file that is none');
  if (typeof path !== 'string' || path === '') throw unreadable('a file without a path');
  if (!isPath(at)) throw unreadable('a file without the place in the options that names it');
  return { path, at };
}

function isProblem(problem: unknown): problem is PlanProblem {
  const { path, message } = (problem ?? {}) as Fields;
  return typeof message === 'string' && isPath(path);
}

const isPath = (path: unknown): path is PlanProblem['path'] =>
  Array.isArray(path) &&
  path.length <= PATH_KEYS_MAX &&
  path.every((key) => typeof key === 'string' || typeof key === 'number');

const isText = (value: unknown, charsMax: number): value is string =>
  typeof value === 'string' && value !== '' && value.length <= charsMax;

const isOneOf = <const Word extends string>(value: unknown, words: readonly Word[]): value is Word =>
  words.includes(value as Word);

/** Copies only the known fields of a schema. */
function copySchema({ kind, columns, barNs, barCalendar }: Schema): Schema {
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
    ...(typeof barCalendar === 'string' && { barCalendar }),
  };
}

function fieldsOf(value: unknown, found: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw unreadable(found);
}

function unreadable(found: string): PipelineError {
  return new PipelineError('MODULE_INVALID', `expected the answer of code in its thread, found ${found}`);
}
