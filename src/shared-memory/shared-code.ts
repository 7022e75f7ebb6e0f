import Module from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

/** Room for the code of all components. What is not used of it is never touched, and takes no memory. */
const BYTES = 4 << 20;
const WORDS_BYTES = 8;
const LENGTHS_BYTES = 12;

/** Not 0: a thread adds to the memory. */
const WRITER = 0;
/** Where the last complete record ends. */
const END = 1;

/** An `import()`: Node has no way to allow one in a script that is given its code, but with a warning. */
const IMPORTS = /\bimport\(/;

/** A text and what V8 made of it. */
interface CompiledText {
  readonly text: Buffer;
  readonly code: Buffer;
}

/** What is used here of Node's class of modules; its types leave `_compile` out. */
interface CompilingModule {
  require(id: string): unknown;
  readonly exports: unknown;
  _compile(text: string, path: string, ...more: unknown[]): unknown;
}

let memory: SharedArrayBuffer | undefined;

/** The memory that all threads of this process are given. */
export function sharedCodeMemory(): SharedArrayBuffer {
  memory ??= new SharedArrayBuffer(BYTES);
  return memory;
}

/** Whether code must be compiled as Node does it, since somebody looks at how it is. */
export function isCodeWatched({
  env,
  execArgv,
  sourceMapsEnabled,
}: Pick<NodeJS.Process, 'env' | 'execArgv' | 'sourceMapsEnabled'> = process): boolean {
  const options = [...execArgv, env.NODE_OPTIONS ?? ''];
  return (
    sourceMapsEnabled === true ||
    env.NODE_V8_COVERAGE !== undefined ||
    options.some((option) => /--(?:inspect|experimental-test-coverage)/.test(option))
  );
}

/**
 * Code that one thread of a process has compiled, for the next ones to take: V8 compiles the same text in each
 * thread anew, which is a third of what a thread does from its start to its first row. Only in memory, and only
 * for the files of one folder. `docs/decisions/0046` has the reasons.
 *
 * The memory begins with two words: whether a thread adds to it, and the end of what is complete. A record for each
 * file follows: lengths of path, text and code, then these three. Records are only added, never changed, so that
 * what stands before the end may be read at any time. Once a thread has died while it added one, none is added
 * any more.
 */
export class SharedCode {
  readonly #memory: SharedArrayBuffer;
  readonly #folder: string;
  readonly #words: Int32Array;
  /** From the memory, by path. */
  readonly #found: ReadonlyMap<string, CompiledText>;
  /** What this thread has compiled. */
  readonly #compiled = new Map<string, { readonly text: string; readonly script: Script }>();

  /** @param folder - Absolute, with its separator at the end. */
  constructor(memory: SharedArrayBuffer, folder: string) {
    this.#memory = memory;
    this.#folder = folder;
    this.#words = new Int32Array(memory, 0, 2);
    this.#found = this.#records();
  }

  /** Takes the place of Node's own compiling, for the files of the folder. */
  install(): void {
    const modules = Module.prototype as unknown as CompilingModule;
    const compileByNode = modules._compile;
    const load = (module: CompilingModule, text: string, path: string) => this.#load(module, text, path);
    const isOurs = (text: string, path: string) => path.startsWith(this.#folder) && !IMPORTS.test(text);
    modules._compile = function (this: CompilingModule, text, path, ...more) {
      return isOurs(text, path) ? load(this, text, path) : compileByNode.call(this, text, path, ...more);
    };
  }

  /**
   * Adds to the memory what this thread has compiled and no other has added, functions that ran meanwhile
   * included. Takes a few milliseconds.
   */
  save(): void {
    if (this.#compiled.size === 0) return;
    const saved = this.#records();
    const compiled = [...this.#compiled].flatMap(([path, { text, script }]) =>
      saved.has(path) ? [] : [{ path, text: Buffer.from(text, 'latin1'), code: script.createCachedData() }],
    );
    this.#compiled.clear();
    if (compiled.length === 0 || Atomics.compareExchange(this.#words, WRITER, 0, 1) !== 0) return;
    const added = this.#records(); // by another thread, meanwhile
    const missing = compiled.filter(({ path }) => !added.has(path));
    Atomics.store(this.#words, END, writeRecords(this.#memory, this.#end(), missing));
    Atomics.store(this.#words, WRITER, 0);
  }

  #load(module: CompilingModule, text: string, path: string): unknown {
    const found = this.#found.get(path);
    // V8 compares the length of the text alone, and the file may have been replaced.
    const isSame = found !== undefined && Buffer.from(text, 'latin1').equals(found.text);
    const script = new Script(Module.wrap(text), {
      filename: path,
      ...(isSame && { cachedData: Buffer.from(found.code) }), // a copy: V8 wants memory of this thread
    });
    if (found === undefined) this.#compiled.set(path, { text, script });
    const require = (id: string) => module.require(id); // all that the build uses of it
    const run = script.runInThisContext() as (...args: unknown[]) => unknown;
    return run.call(module.exports, module.exports, require, module, path, dirname(path));
  }

  #records(): Map<string, CompiledText> {
    return readRecords(this.#memory, this.#end());
  }

  #end(): number {
    return Atomics.load(this.#words, END) || WORDS_BYTES;
  }
}

/** Writes those that there is room for, and answers with the end of the last. */
function writeRecords(
  memory: SharedArrayBuffer,
  from: number,
  files: readonly (CompiledText & { readonly path: string })[],
): number {
  const bytes = Buffer.from(memory);
  let at = from;
  for (const { path, text, code } of files) {
    const parts = [Buffer.from(path), text, code];
    if (parts.reduce((end, { length }) => end + length, at + LENGTHS_BYTES) > bytes.length) continue;
    for (const [i, { length }] of parts.entries()) bytes.writeUint32LE(length, at + 4 * i);
    at += LENGTHS_BYTES;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
  }
  return at;
}

function readRecords(memory: SharedArrayBuffer, end: number): Map<string, CompiledText> {
  const bytes = Buffer.from(memory);
  const found = new Map<string, CompiledText>();
  for (let at = WORDS_BYTES; at < end; ) {
    const path = at + LENGTHS_BYTES;
    const text = path + bytes.readUint32LE(at);
    const code = text + bytes.readUint32LE(at + 4);
    at = code + bytes.readUint32LE(at + 8);
    const name = bytes.toString('utf8', path, text);
    found.set(name, { text: bytes.subarray(text, code), code: bytes.subarray(code, at) });
  }
  return found;
}

/** That of this thread. */
let ofThread: SharedCode | undefined;

/** Has this thread share the code of a folder from here on. Without such memory, it does not. */
export function shareCode(data: unknown, folder: string): void {
  const given = (data ?? {}) as { tickloomCode?: unknown };
  const { tickloomCode: code } = given;
  delete given.tickloomCode; // code of users has no business there
  if (!(code instanceof SharedArrayBuffer) || isCodeWatched()) return;
  ofThread = new SharedCode(code, folder);
  ofThread.install();
}

/** Has this thread save its code after a while, if it shares any. Keeps no thread alive. */
export function saveCodeIn(delayMs: number): void {
  if (ofThread !== undefined) setTimeout(() => ofThread?.save(), delayMs).unref();
}
