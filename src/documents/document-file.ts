import { dirname, resolve } from 'node:path';
import { type Document, isAlias, isMap, isNode, isPair, isSeq, LineCounter, type Node } from 'yaml';
import type { SpecProblem } from '../core/errors.js';
import { cutText, describeValue } from '../core/shown-text.js';
import { readDocuments, YamlExcessError } from './bounded-yaml.js';
import { checkContent, keyText } from './document-content.js';
import { readStart, readStream } from './read-start.js';
import { type ExpectedFile, FILE_NAMES, foreignBytes, foreignFile, foreignText } from './wrong-file.js';

/** What standard input is called where files are. */
const STDIN = '(stdin)';

/** The folder of a file, whose project may have components installed; none of standard input. */
export const folderOfSpec = (file: string): string | undefined =>
  file === STDIN ? undefined : dirname(resolve(file));

/** A document of a YAML or JSON file: a spec, or settings. */
export interface DocumentFile {
  /** The path as given; `(stdin)` for standard input. */
  readonly file: string;
  /** Plain data; `undefined` if it could not be read. */
  readonly value: unknown;
  /** Why it could not be read. Empty if it could. */
  readonly problems: readonly SpecProblem[];
  /** Where a path of the data is in the file or, if it is missing, its nearest parent that exists. */
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
const FILE_BYTES_MAX = 1_048_576;

/** After a syntax error, further errors rarely add information. */
const SYNTAX_PROBLEMS_MAX = 5;

/** Characters of what the YAML library says. */
const REASON_CHARS_MAX = 200;

/**
 * Reads the documents of a file, YAML or JSON. Each carries its problems with their positions; nothing is
 * thrown.
 *
 * @param path - `-` for standard input.
 */
export async function readDocumentFile(path: string, expected: ExpectedFile): Promise<DocumentFile[]> {
  const file = path === '-' ? STDIN : path;
  let bytes: Buffer;
  try {
    const bytesMax = FILE_BYTES_MAX + 1; // one byte more than it may have
    bytes = path === '-' ? await readStream(process.stdin, bytesMax) : await readStart(path, bytesMax);
  } catch (error) {
    return [unreadable(file, readFailure(error, expected))];
  }
  const what = FILE_NAMES[expected];
  if (bytes.length > FILE_BYTES_MAX) {
    const found = foreignFile(file) ?? 'found more';
    return [unreadable(file, `expected ${what} of at most ${FILE_BYTES_MAX} bytes, ${found}`)];
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return [unreadable(file, `expected ${what}, text in UTF-8, ${foreignBytes(file, bytes)}`)];
  }
  return parseDocuments(file, text, expected);
}

/** Parses a text that was read already, like `readDocumentFile`. */
export function parseDocuments(file: string, text: string, expected: ExpectedFile): DocumentFile[] {
  const what = FILE_NAMES[expected];
  const lines = new LineCounter();
  let documents: Document.Parsed[];
  try {
    documents = readDocuments(text, lines);
  } catch (error) {
    if (!(error instanceof YamlExcessError)) throw error;
    const found = foreignText(file, text);
    if (found !== undefined) return [unreadable(file, `expected ${what}, ${found}`)];
    return [unreadable(file, error.message, positionIn(file, lines, error.offset))];
  }
  if (documents.length === 0) return [unreadable(file, `expected ${what}, found an empty file`)];
  const parsed = documents.map((document) => new ParsedDocument(file, document, lines, expected));
  const foreign = parsed[0]!.problems.length > 0 ? foreignText(file, text) : undefined;
  if (foreign !== undefined) return [unreadable(file, `expected ${what}, ${foreign}`)];
  return parsed;
}

class ParsedDocument implements DocumentFile {
  readonly file: string;
  readonly value: unknown;
  readonly problems: readonly SpecProblem[];
  readonly #document: Document.Parsed;
  readonly #lines: LineCounter;
  /** What each alias stands for. */
  readonly #targets: ReadonlyMap<Node, Node>;

  constructor(file: string, document: Document.Parsed, lines: LineCounter, expected: ExpectedFile) {
    this.file = file;
    this.#document = document;
    this.#lines = lines;
    const syntax = this.#syntaxProblems(expected);
    if (syntax.length > 0) {
      this.problems = syntax;
      this.#targets = new Map();
      return;
    }
    const { problems, targets } = checkContent(document, SYNTAX_PROBLEMS_MAX);
    this.#targets = targets;
    this.problems = problems.map(({ node, message }) => this.#problemAt(this.#startOf(node), message));
    if (this.problems.length > 0) return;
    this.value = document.toJS({ maxAliasCount: -1 }); // whoever checks the data counts what it comes to
    if (isMap(document.contents)) return;
    // The file may be one of another purpose that holds a credential and nothing else: it is not shown.
    const found = typeof this.value === 'number' ? 'a number' : describeValue(this.value ?? undefined);
    this.problems = [this.#problemAt(this.#startOf(document.contents), `expected a mapping, found ${found}`)];
  }

  locate(path: SpecProblem['path']): Position {
    let node: Node | null = this.#document.contents;
    let offset = this.#startOf(node);
    for (const key of path) {
      if (isAlias(node)) node = this.#targets.get(node) ?? null;
      if (isMap(node)) {
        const pair = node.items.find((item) => keyText(item.key) === String(key));
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

  #syntaxProblems(expected: ExpectedFile): SpecProblem[] {
    const { errors, warnings } = this.#document;
    // Warnings are about tags (`!!js/function`), which data never needs.
    return [...errors, ...warnings]
      .slice(0, SYNTAX_PROBLEMS_MAX)
      .map(({ code, message, pos }) => this.#problemAt(pos[0], explainSyntax(code, message, expected)));
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
    return positionIn(this.file, this.#lines, offset);
  }
}

function positionIn(file: string, lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(1, line), column: Math.max(1, col) };
}

function unreadable(
  file: string,
  message: string,
  at: Position = { file, line: 1, column: 1 },
): DocumentFile {
  return { file, value: undefined, problems: [{ path: [], message, at }], locate: () => at };
}

function readFailure(error: unknown, expected: ExpectedFile): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const what = `expected the file of ${FILE_NAMES[expected]}`;
  if (code === 'ENOENT') return `${what}, found no file of that name`;
  if (code === 'EISDIR') return `${what}, found a directory`;
  if (code === 'EACCES') return `${what}, found one that may not be read`;
  return `the file could not be read: ${cutText(message, REASON_CHARS_MAX)}`;
}

/**
 * Says what is wrong in a text. What the library says may quote it. A spec names the file of a calendar, and whoever
 * submits one may not read the files of this host: of such a file, only the kind of mistake is told.
 */
function explainSyntax(code: string, message: string, expected: ExpectedFile): string {
  if (code === 'NON_STRING_KEY') return 'expected the name of an option, found a key that is no text';
  if (code === 'TAG_RESOLVE_FAILED') return 'expected plain data, found a tag';
  if (expected === 'calendar') {
    return `expected YAML or JSON, found a mistake in it (${code.toLowerCase().replaceAll('_', ' ')})`;
  }
  return `expected YAML or JSON: ${cutText(message, REASON_CHARS_MAX)}`;
}
