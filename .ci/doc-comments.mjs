/**
 * What is missing in the doc comments of the public API: `npm run docs:check`.
 *
 * - What is exported, and each method, has a summary. Properties need none: a good name and its type say it.
 * - A number has its unit: in its name, or in its doc comment.
 * - What throws an error of ours says so, `@throws` with its class.
 *
 * What is marked `@internal` is not looked at.
 */
import { createRequire } from 'node:module';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const { entryPoints } = createRequire(import.meta.url)('./api-reference/typedoc.json');
const HERE = resolve(import.meta.dirname, 'api-reference');
export const ENTRIES = entryPoints.map((path) => relative(process.cwd(), resolve(HERE, path)));

/** What is measured, and what is counted: said by the last word of a name (`delayMs`) or the first (`rowsKept`). */
const MEASURES = 'ns us ms seconds minutes hours days nanos micros millis bytes kb mb chars'.split(' ');
const COUNTED =
  `rows batches values strings characters permits threads calls probes failures openings holds waiters
  parts files keys symbols elements columns places scopes slots chunks jobs epochs attempts retries times levels
  ordinals`.split(/\s+/);
/** What has no unit, and says so as the last word of a name: `rowCount`, `maxPriority`. */
const PLAIN =
  `count counts length number index ordinal sequence line column version revision epoch row element slot lease
  priority weight share factor seed port code id word bits status attempt`.split(/\s+/);
const any = (words) => `(?:${words.join('|')})`;
const NAMED_FIRST = new RegExp(`^${any([...MEASURES, ...COUNTED])}$`, 'i');
const NAMED_LAST = new RegExp(`^${any([...MEASURES, ...COUNTED, ...PLAIN])}$`, 'i');
/** Said of what the number is a bound or a part of: `rowsMax`, `bytesIn`. */
const QUALIFIERS = /^(?:max|min|left|in|out|from|to|now|at|peak|end)$/i;
/**
 * In a text, a unit of measurement is one wherever it stands. What is counted is told by many texts about other
 * things, so it must be what the text begins with, or what it says the number of.
 */
const SAID_MEASURE = new RegExp(
  `\\b(?:${MEASURES.join('|')}|nanoseconds?|microseconds?|milliseconds?|megabytes?|a second|percent|quote currency|units of)\\b`,
  'i',
);
const SAID_COUNT = new RegExp(
  `(?:^|[.;:]\\s+|\\breturns )(?:the |of )?(?:(?:all|most|further|other|maximum|minimum|smallest|largest|how many|idle|new) )*(?:\\w+ )?${any(COUNTED)}\\b`,
  'im',
);
const SAID_PLAIN =
  /\b(?:numbers? of|how (?:many|often)|counts?|counted|index(?:es)?|ordinals?|ids? of|shares? of|a negative number|times|multiples? of|fractions?|from 0 to 1|between 0 and 1|whole numbers?|relative to)\b/i;

/**
 * @param {typeof import('typescript')} ts
 * @param {import('typescript').Program} program
 * @param {readonly string[]} entries - Sources whose exports are public.
 * @returns {string[]} One line for each thing that is missing.
 */
export function missingDocs(ts, program, entries) {
  const checker = program.getTypeChecker();
  const found = new Set();
  const seen = new Set();
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(resolve(entry)));
    for (const exported of checker.getExportsOfModule(module)) look(exported);
  }
  return [...found].sort();

  function look(exported) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (seen.has(symbol) || isInternal(symbol)) return;
    seen.add(symbol);
    const [declaration] = symbol.declarations ?? [];
    if (!declaration || !isOurs(declaration)) return;
    if (summaryOf(symbol) === '') report(declaration, symbol.name, 'has no doc comment');
    for (const one of symbol.declarations) lookAt(one, symbol, symbol.name);
  }

  function lookAt(declaration, symbol, path) {
    if (ts.isClassDeclaration(declaration) || ts.isInterfaceDeclaration(declaration)) {
      for (const member of declaration.members) lookAtMember(member, path);
    } else if (ts.isFunctionDeclaration(declaration)) {
      lookAtCall(declaration, symbol, path);
    } else if (ts.isTypeAliasDeclaration(declaration)) {
      lookAtType(declaration.type, path);
    } else if (ts.isVariableDeclaration(declaration)) {
      const { initializer } = declaration;
      if (initializer && ts.isArrowFunction(initializer)) lookAtCall(initializer, symbol, path);
      else lookAtNumber(declaration, symbol, path);
    }
  }

  function lookAtMember(member, path) {
    const flags = ts.getCombinedModifierFlags(member);
    if (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) return;
    if (member.name && ts.isPrivateIdentifier(member.name)) return;
    const symbol = member.symbol;
    if (!symbol || isInternal(symbol, member)) return;
    const name = ts.isConstructorDeclaration(member) ? `new ${path}` : `${path}.${symbol.name}`;
    if (ts.isConstructorDeclaration(member)) {
      lookAtCall(member, symbol, name);
    } else if (ts.isMethodDeclaration(member) || ts.isMethodSignature(member)) {
      if (summaryOf(symbol) === '' && tagsOf(symbol, member).length === 0)
        report(member, name, 'has no doc comment');
      lookAtCall(member, symbol, name);
    } else if (ts.isGetAccessorDeclaration(member)) {
      lookAtNumber(member, symbol, name);
      lookAtThrows(member, symbol, name);
    } else if (ts.isPropertyDeclaration(member) || ts.isPropertySignature(member)) {
      lookAtNumber(member, symbol, name);
      if (member.type) lookAtType(member.type, name);
    }
  }

  /** Members of types that are written in place. */
  function lookAtType(type, path) {
    if (ts.isTypeLiteralNode(type)) for (const member of type.members) lookAtMember(member, path);
    else if (!ts.isTypeReferenceNode(type) && !ts.isFunctionTypeNode(type)) {
      ts.forEachChild(type, (inner) => lookAtType(inner, path));
    }
  }

  function lookAtCall(callable, symbol, path) {
    const tags = tagsOf(symbol, callable);
    const said = summaryOf(symbol, callable);
    for (const parameter of callable.parameters) {
      if (!parameter.symbol || !ts.isIdentifier(parameter.name)) continue;
      const name = parameter.name.text;
      const tag = tags.find((one) => one.name === 'param' && one.text.split(/[\s-]/, 1)[0] === name);
      // What the summary says is said of the parameter where that is named.
      const summary = said.includes(`\`${name}\``) ? said : '';
      if (
        isNumber(parameter) &&
        !hasUnit(name, `${tag?.text.slice(name.length).replace(/^[\s-]+/, '') ?? ''}\n${summary}`)
      ) {
        report(parameter, `${path}(${name})`, 'is a number without a unit: in its name or with @param');
      }
    }
    const returns = tags.find((one) => one.name === 'returns')?.text ?? '';
    const signature = checker.getSignatureFromDeclaration(callable);
    if (
      !ts.isConstructorDeclaration(callable) &&
      signature &&
      isNumeric(checker.getReturnTypeOfSignature(signature))
    ) {
      if (!hasUnit(symbol.name, `${returns}\n${said}`))
        report(callable, `${path}()`, 'returns a number without a unit: in its name or with @returns');
    }
    lookAtThrows(callable, symbol, path);
  }

  function lookAtNumber(declaration, symbol, path) {
    if (!isNumber(declaration) || hasUnit(symbol.name, summaryOf(symbol, declaration))) return;
    report(declaration, path, 'is a number without a unit: in its name or its doc comment');
  }

  function lookAtThrows(callable, symbol, path) {
    const said = tagsOf(symbol, callable)
      .filter(({ name }) => name === 'throws')
      .map(({ text }) => text)
      .join('\n');
    for (const name of errorsThrownIn(callable)) {
      if (!new RegExp(`\\b${name}\\b`).test(said))
        report(callable, path, `throws ${name} and does not say so: @throws {${name}} …`);
    }
  }

  /** Classes of ours that a body throws itself, not what it calls. */
  function errorsThrownIn({ body }) {
    const names = new Set();
    if (body) {
      ts.forEachChild(body, function visit(node) {
        if (ts.isFunctionLike(node) || ts.isClassLike(node)) return;
        if (ts.isThrowStatement(node)) {
          const type = checker.getTypeAtLocation(node.expression);
          if (isRuntimeError(type)) names.add(type.symbol.name);
        }
        ts.forEachChild(node, visit);
      });
    }
    return names;
  }

  function isRuntimeError(type) {
    if (type.symbol?.name === 'RuntimeError') return true;
    return type.isClassOrInterface() && checker.getBaseTypes(type).some(isRuntimeError);
  }

  /** A type with a brand says its unit itself. */
  function isNumber(declaration) {
    return isNumeric(checker.getTypeAtLocation(declaration));
  }

  function isNumeric(type) {
    const parts = type.isUnion() ? type.types : [type];
    const some = parts.filter(({ flags }) => !(flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Null)));
    return (
      some.length > 0 &&
      some.every(({ flags }) => (flags & (ts.TypeFlags.Number | ts.TypeFlags.BigInt)) !== 0)
    );
  }

  function hasUnit(name, text) {
    const words = name.split(/(?=[A-Z])|_/);
    while (words.length > 1 && QUALIFIERS.test(words.at(-1))) words.pop();
    if (NAMED_FIRST.test(words[0]) || NAMED_LAST.test(words.at(-1))) return true;
    return SAID_MEASURE.test(text) || SAID_COUNT.test(text) || SAID_PLAIN.test(text);
  }

  function summaryOf(symbol, declaration) {
    const own = declaration?.jsDoc?.map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '').join('\n');
    return own || ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
  }

  /** Of the declaration itself (a constructor has no symbol of its own docs), else of what it comes from. */
  function tagsOf(symbol, declaration) {
    const own = ts.getJSDocTags(declaration).map((tag) => ({
      name: tag.tagName.text,
      text: tag.getText().replace(/^@\w+\s*/, ''),
    }));
    if (own.length > 0 || ts.isConstructorDeclaration(declaration)) return own;
    return symbol
      .getJsDocTags(checker)
      .map(({ name, text }) => ({ name, text: ts.displayPartsToString(text) }));
  }

  function isInternal(symbol, declaration) {
    if (declaration) return ts.getJSDocTags(declaration).some((tag) => tag.tagName.text === 'internal');
    return symbol.getJsDocTags().some(({ name }) => name === 'internal');
  }

  function isOurs(declaration) {
    return relative(process.cwd(), declaration.getSourceFile().fileName).startsWith('src/');
  }

  function report(node, path, what) {
    const file = node.getSourceFile();
    const { line } = file.getLineAndCharacterOfPosition(node.getStart());
    found.add(`${relative(process.cwd(), file.fileName)}:${line + 1}: ${path} ${what}`);
  }
}

/** TypeScript with an API, which the package's own has not. `undefined` if it is not installed. */
export function loadTypeScript() {
  try {
    return createRequire(resolve(HERE, 'package.json'))('typescript');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    throw new Error('The tools of the API reference are not installed: run npm run docs:check', {
      cause: error,
    });
  }
}

/** @param {Readonly<Record<string, string>>} [probes] - Sources that are not on the disk, by path. */
export function readProgram(ts, probes = {}) {
  const { config } = ts.readConfigFile(resolve(HERE, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, HERE);
  const host = ts.createCompilerHost(options);
  const texts = new Map(Object.entries(probes).map(([path, text]) => [resolve(path), text]));
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists.call(host, path);
  host.readFile = (path) => texts.get(path) ?? readFile.call(host, path);
  host.getSourceFile = (path, ...more) =>
    texts.has(path)
      ? ts.createSourceFile(path, texts.get(path), ...more)
      : getSourceFile.call(host, path, ...more);
  return ts.createProgram([...ENTRIES.map((path) => resolve(path)), ...texts.keys()], options, host);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const ts = loadTypeScript();
  const missing = missingDocs(ts, readProgram(ts), ENTRIES);
  for (const line of missing) console.error(line);
  console.log(
    missing.length === 0 ? 'the public API is documented' : `${missing.length} doc comments lack something`,
  );
  process.exitCode = missing.length === 0 ? 0 : 1;
}
