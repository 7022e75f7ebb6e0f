import { Composer, type Document, Lexer, type LineCounter, Parser } from 'yaml';

/**
 * What a text may hold. It is counted while the text is read, since what the YAML library does with it takes
 * far more time and memory than the text has bytes: some of it grows with the square of these numbers.
 */
const LEXEMES_MAX = 100_000;
/** It takes a third of a second for a megabyte of empty lines. They are counted before it sees them. */
const LINES_MAX = 100_000;
/** What the lexer adds of its own. */
const MARKS: ReadonlySet<string> = new Set(['\x02', '\x18', '\x1f']);
const IS_SPACE = /^\s*$/;
const DEPTH_MAX = 100;
const DOCUMENTS_MAX = 500;
/** Anchors, aliases and tags together. */
const REFERENCES_MAX = 1_000;
const DIRECTIVES_MAX = 100;
/** What comes after so many errors is not read. */
const ERRORS_MAX = 10;

/** An escape in a text with double quotes; in the group, what is none. The library makes an error of each. */
const ESCAPE =
  /\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U00(?:0[\da-fA-F]|10)[\da-fA-F]{4}|[0abtnvfreNLP_ "/\\\t\r\n]|([\s\S]))/g;

/** A text that holds too much to be read. */
export class YamlExcessError extends Error {
  override readonly name = 'YamlExcessError';
  /** Characters before the place. */
  readonly offset: number;

  constructor(offset: number, what: string) {
    super(`expected at most ${what}, found more`);
    this.offset = offset;
  }
}

/**
 * Reads the documents of a YAML or JSON text. Keys are texts. What is wrong with a document stands in its
 * `errors` and `warnings`; a key that stands twice is not among them.
 *
 * @throws {YamlExcessError}
 */
export function readDocuments(text: string, lines: LineCounter): Document.Parsed[] {
  // The library compares each key with all others.
  const options = {
    uniqueKeys: false,
    stringKeys: true,
    resolveKnownTags: false,
    logLevel: 'error',
  } as const;
  refuseManyLines(text);
  const documents: Document.Parsed[] = [];
  // The library makes up to three errors of a line. Nobody reads their stacks, which take most of the time.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    for (const document of new Composer(options).compose(readTokens(text, lines))) {
      if (documents.length === DOCUMENTS_MAX) {
        throw new YamlExcessError(document.range[0], `${DOCUMENTS_MAX} documents in a file`);
      }
      documents.push(document);
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return documents;
}

function refuseManyLines(text: string): void {
  let lines = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    if (++lines > LINES_MAX) throw new YamlExcessError(at, `${LINES_MAX} lines in a file`);
  }
}

/** Does what `Parser.parse` does, and counts. */
function* readTokens(text: string, lines: LineCounter) {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let lexemes = 0;
  let references = 0;
  let directives = 0;
  let errors = 0;
  for (const lexeme of new Lexer().lex(text)) {
    const { offset } = parser;
    if (!IS_SPACE.test(lexeme) && !MARKS.has(lexeme) && ++lexemes > LEXEMES_MAX)
      throw new YamlExcessError(offset, `${LEXEMES_MAX} words and signs in a file`);
    const sign = lexeme[0];
    if (sign === '"' && hasManyWrongEscapes(lexeme)) {
      throw new YamlExcessError(offset, `${ERRORS_MAX} wrong escapes in a text`);
    }
    if ((sign === '&' || sign === '*' || sign === '!') && ++references > REFERENCES_MAX) {
      throw new YamlExcessError(offset, `${REFERENCES_MAX} anchors, aliases and tags in a file`);
    }
    if (sign === '%' && ++directives > DIRECTIVES_MAX) {
      throw new YamlExcessError(offset, `${DIRECTIVES_MAX} directives in a file`);
    }
    for (const token of parser.next(lexeme)) {
      yield token;
      if (token.type === 'error' && ++errors === ERRORS_MAX) return;
    }
    if (parser.stack.length > DEPTH_MAX) {
      throw new YamlExcessError(offset, `${DEPTH_MAX} lists and mappings inside one another`);
    }
  }
  yield* parser.end();
}

function hasManyWrongEscapes(text: string): boolean {
  let wrong = 0;
  for (const [, none] of text.matchAll(ESCAPE)) if (none !== undefined && ++wrong > ERRORS_MAX) return true;
  return false;
}
