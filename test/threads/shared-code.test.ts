import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { Worker } from 'node:worker_threads';
import { rolldown } from 'rolldown';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isCodeWatched } from '../../src/shared-memory/shared-code.js';

/** The source as a thread can load it. */
let bundle: string;
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  bundle = join(folder, 'shared-code.cjs');
  const build = await rolldown({ input: 'src/shared-memory/shared-code.ts', platform: 'node' });
  await build.write({ file: bundle, format: 'cjs' });
  await build.close();
  return () => rmSync(folder, { recursive: true });
});

/**
 * Loads a file in a new thread that shares code, and answers with what the file exports and with
 * what V8 said to the code that it was given for it: `undefined`, none was given.
 */
async function loadInThread(
  file: string,
  memory: SharedArrayBuffer,
  { folder }: { readonly folder: string },
): Promise<{ value: unknown; isRejected: boolean | undefined; stack: string }> {
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    const vm = require('node:vm');
    let isRejected;
    vm.Script = class extends vm.Script {
      constructor(text, options) {
        super(text, options);
        if (options.cachedData !== undefined) isRejected = this.cachedDataRejected;
      }
    };
    const { SharedCode } = require(workerData.bundle);
    const shared = new SharedCode(workerData.memory, workerData.folder);
    shared.install();
    const { value, fail } = require(workerData.file);
    let stack;
    try { fail(); } catch (error) { stack = error.stack; }
    shared.save();
    parentPort.postMessage({ value, isRejected, stack });`;
  const worker = new Worker(script, { eval: true, workerData: { bundle, memory, folder, file } });
  return new Promise((found, fail) => {
    worker.once('message', found);
    worker.once('error', fail);
  });
}

function moduleFile(text: string) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tickloom-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'module.cjs');
  writeFileSync(file, text);
  return { file, folder: folder + sep };
}

const moduleOf = (value: number) =>
  `exports.value = ${value};\nexports.fail = function fail() {\n  throw new Error('here');\n};\n`;

describe('code that threads share', () => {
  it('is compiled by the first thread and taken by the next, with the same stacks', async () => {
    const { file, folder } = moduleFile(moduleOf(1));
    const memory = new SharedArrayBuffer(1 << 20);
    const first = await loadInThread(file, memory, { folder });
    expect(first).toMatchObject({ value: 1, isRejected: undefined });
    const second = await loadInThread(file, memory, { folder });
    expect(second).toMatchObject({ value: 1, isRejected: false });
    expect(first.stack).toContain(`fail (${file}:3:9)`);
    expect(second.stack).toContain(`fail (${file}:3:9)`);
  });

  it('is not taken for a file that was replaced by one of the same length', async () => {
    const { file, folder } = moduleFile(moduleOf(1));
    const memory = new SharedArrayBuffer(1 << 20);
    await loadInThread(file, memory, { folder });
    writeFileSync(file, moduleOf(2));
    expect(await loadInThread(file, memory, { folder })).toMatchObject({ value: 2, isRejected: undefined });
  });

  it('has the files of later threads added', async () => {
    const [one, other] = [moduleFile(moduleOf(1)), moduleFile(moduleOf(2))];
    const memory = new SharedArrayBuffer(1 << 20);
    const folder = realpathSync(tmpdir()) + sep;
    await loadInThread(one.file, memory, { folder });
    await loadInThread(other.file, memory, { folder });
    for (const [{ file }, value] of [
      [one, 1],
      [other, 2],
    ] as const) {
      expect(await loadInThread(file, memory, { folder })).toMatchObject({ value, isRejected: false });
    }
  });

  it('is that of files in the folder alone', async () => {
    const { file } = moduleFile(moduleOf(1));
    const memory = new SharedArrayBuffer(1 << 20);
    for (const _ of [1, 2]) {
      const found = await loadInThread(file, memory, { folder: resolve('dist') + sep });
      expect(found).toMatchObject({ value: 1, isRejected: undefined });
    }
  });

  it('is not that of a file with an `import()`, which Node allows in its own modules alone', async () => {
    const { file, folder } = moduleFile(`${moduleOf(1)}exports.load = () => import('node:fs');\n`);
    const memory = new SharedArrayBuffer(1 << 20);
    for (const _ of [1, 2]) {
      expect(await loadInThread(file, memory, { folder })).toMatchObject({ value: 1, isRejected: undefined });
    }
  });

  it('is left out where there is no room for it, or another thread died as it wrote', async () => {
    const { file, folder } = moduleFile(moduleOf(1));
    const stuck = new SharedArrayBuffer(1 << 20);
    new Int32Array(stuck)[0] = 1;
    for (const memory of [new SharedArrayBuffer(64), stuck]) {
      for (const _ of [1, 2]) {
        const found = await loadInThread(file, memory, { folder });
        expect(found).toMatchObject({ value: 1, isRejected: undefined });
      }
    }
  });

  it('is not used while somebody looks at how code is compiled', () => {
    const plain = { env: {}, execArgv: [], sourceMapsEnabled: false };
    expect(isCodeWatched(plain)).toBe(false);
    expect(isCodeWatched({ ...plain, sourceMapsEnabled: true })).toBe(true);
    expect(isCodeWatched({ ...plain, env: { NODE_V8_COVERAGE: 'out' } })).toBe(true);
    expect(isCodeWatched({ ...plain, execArgv: ['--inspect-brk=0'] })).toBe(true);
    expect(isCodeWatched({ ...plain, env: { NODE_OPTIONS: '--inspect' } })).toBe(true);
  });
});
