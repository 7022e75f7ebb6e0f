import { open } from 'node:fs/promises';
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml';
import type { SpecProblem } from '../core/errors.js';

/** A spec as it is in a file: one of the file's documents. */
export interface SpecFile {
  /** The path as given; `(stdin)` for standard input. */
  readonly file: string;
  /** Plain data; `undefined` if it could not be read. */
  readonly value: unknown;
  /** Why it could not be read. Empty if it could. */
  readonly problems: readonly SpecProblem[];
  /** Where a path of the spec is in the file or, if it is missing, its nearest parent that exists. */
  locate(path: SpecProblem['path']): Position;
}

export interface Position {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
}

/** No spec is this long: a longer file was passed by mistake. */
const SPEC_BYTES_MAX = 1_048_576;

/** After a syntax error, further errors rarely add information. */
const SYNTAX_PROBLEMS_MAX = 5;

/**
 * Reads the specs of a file, YAML or JSON, one for each document. Each spec carries its problems with
 * their positions; nothing is thrown.
 *
 * @param path - `-` for standard input.
 */
export async function readSpecFile(path: string): Promise<SpecFile[]> {
  const file = path === '-' ? '(stdin)' : path;
  let bytes: Buffer;
  try {
    bytes = path === '-' ? await readStream(process.stdin) : await readStart(path);
  } catch (error) {
    return [unreadable(file, readFailure(error))];
  }
  if (bytes.length > SPEC_BYTES_MAX) {
    return [unreadable(file, `expected a spec of at most ${SPEC_BYTES_MAX} bytes, found more`)];
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return [unreadable(file, 'expected text in UTF-8, found bytes that are not valid UTF-8')];
  }
  return parseSpecText(file, text);
}

/** Parses a text that was read already, like `readSpecFile`. */
export function parseSpecText(file: string, text: string): SpecFile[] {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter, prettyErrors: false, logLevel: 'error' });
  if (documents.length === 0) return [unreadable(file, 'expected a spec, found an empty file')];
  return documents.map((document) => new ParsedSpec(file, document, lineCounter));
}

class ParsedSpec implements SpecFile {
  readonly file: string;
  readonly value: unknown;
  readonly problems: readonly SpecProblem[];
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;

  constructor(file: string, document: Document.Parsed, lines: LineCounter) {
    this.file = file;
    this.#document = document;
    this.#lines = lines;
    const problems = this.#syntaxProblems();
    if (problems.length === 0) {
      try {
        this.value = document.toJS();
      } catch (error) {
        problems.push(this.#problemAt(0, explainContent(error)));
      }
    }
    if (problems.length === 0 && !isMap(document.contents)) {
      const found = isSeq(document.contents) ? 'a list' : describeValue(this.value);
      problems.push(this.#problemAt(this.#startOf(document.contents), `expected a mapping, found ${found}`));
    }
    this.problems = problems;
  }

  locate(path: SpecProblem['path']): Position {
    let node: Node | null = this.#document.contents;
    let offset = this.#startOf(node);
    for (const key of path) {
      if (isAlias(node)) node = node.resolve(this.#document) ?? null;
      if (isMap(node)) {
        const pair = node.items.find((item) => textOf(item.key) === String(key));
        if (!pair) break;
        offset = this.#startOf(pair.key);
        node = isNode(pair.value) ? pair.value : null;
      } else if (isSeq(node)) {
        const item: unknown = node.items[Number(key)];
        if (!isNode(item)) break;
        offset = this.#startOf(item);
        node = item;
      } else {
        break;
      }
    }
    return this.#position(offset);
  }

  #syntaxProblems(): SpecProblem[] {
    const { errors, warnings } = this.#document;
    const deep = errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
    if (deep) return [this.#problemAt(0, 'expected a spec, found lists or mappings nested too deeply')];
    // Warnings are about tags (`!!js/function`), which a spec never needs.
    const problems = [...errors, ...warnings]
      .slice(0, SYNTAX_PROBLEMS_MAX)
      .map(({ code, message, pos }) => this.#problemAt(pos[0], explainSyntax(code, message)));
    return problems.length > 0 ? problems : this.#contentProblems();
  }

  #contentProblems(): SpecProblem[] {
    const document = this.#document;
    const problems: SpecProblem[] = [];
    visit(document, {
      Pair: (_, { key }) => {
        // Schemas silently ignore this key.
        if (textOf(key) !== '__proto__') return undefined;
        problems.push(
          this.#problemAt(this.#startOf(key), 'expected the name of an option, found "__proto__"'),
        );
        return visit.SKIP;
      },
      Alias: (_, alias, ancestors) => {
        const target = alias.resolve(document);
        const name = cut(alias.source);
        if (!target) {
          problems.push(
            this.#problemAt(this.#startOf(alias), `there is no anchor "&${name}" before "*${name}"`),
          );
        } else if (ancestors.some((ancestor) => ancestor === target)) {
          problems.push(
            this.#problemAt(this.#startOf(alias), `"*${name}" is inside the node that it refers to`),
          );
        }
        return problems.length < SYNTAX_PROBLEMS_MAX ? undefined : visit.BREAK;
      },
    });
    return problems;
  }

  #startOf(node: unknown): number {
    if (isPair(node)) return this.#startOf(node.key);
    if (isNode(node) && node.range) return node.range[0];
    return this.#document.range?.[0] ?? 0;
  }

  #problemAt(offset: number, message: string): SpecProblem {
    return { path: [], message, at: this.#position(offset) };
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

function unreadable(file: string, message: string): SpecFile {
  const start = { file, line: 1, column: 1 };
  return { file, value: undefined, problems: [{ path: [], message, at: start }], locate: () => start };
}

/** Reads at most one byte more than a spec may have, so that a huge file costs nothing. */
async function readStart(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(SPEC_BYTES_MAX + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) return buffer.subarray(0, length);
    }
  } finally {
    await handle.close();
  }
}

async function readStream(stream: AsyncIterable<Buffer | string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk));
    length += chunk.length;
    if (length > SPEC_BYTES_MAX) break;
  }
  return Buffer.concat(chunks);
}

function readFailure(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'expected a spec file, found no file of that name';
  if (code === 'EISDIR') return 'expected a spec file, found a directory';
  if (code === 'EACCES') return 'expected a spec file, found one that may not be read';
  return `the file could not be read: ${message}`;
}

function explainSyntax(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'expected every key once in a mapping, found this one again';
  if (code === 'TAG_RESOLVE_FAILED') return `expected plain data, found a tag (${message.slice(0, 80)})`;
  return `expected YAML or JSON: ${message.slice(0, 200)}`;
}

function explainContent(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes('alias count')) return 'expected at most 100 uses of aliases, found many more';
  return `expected plain data: ${message.slice(0, 200)}`;
}

function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  return typeof value === 'string' ? `the text "${cut(value)}"` : `${typeof value} ${String(value)}`;
}

const textOf = (key: unknown): string => String(isScalar(key) ? key.value : key);

const cut = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text);
