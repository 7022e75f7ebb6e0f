import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { createRuntime, type PipelineRuntime, type RuntimeOptions } from '../../dist/src/index.js';
import { turnOfTheLoop } from '../../src/core/clock.js';

/** A runtime of the build, closed with the test. */
export async function startRuntime(options: RuntimeOptions = {}): Promise<PipelineRuntime> {
  const runtime = await createRuntime({ moduleFolders: ['.', tmpdir()], ...options });
  onTestFinished(() => runtime.close({ deadlineMs: 1_000 }));
  return runtime;
}

/** Writes an operator of the user's: `process` is the body of `process(batch, emit)`, `close` that of `close()`. */
export function moduleOperator(process: string, { top = '', create = '', close = '' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'operator.mjs');
  writeFileSync(
    path,
    `${top}
    export default {
      plan: (options, input) => input,
      create(options, input, context) {
        ${create}
        return { output: input, process(batch, emit) { ${process} }, close() { ${close} } };
      },
    };`,
  );
  return { use: 'module', path } as const;
}

export const endless = { use: 'synthetic' } as const;
export const rows = (count: number) => ({ use: 'synthetic', rows: count }) as const;
export const discard = { use: 'null' } as const;

/** Turns of the loop in which to look for what comes at once. */
const TURNS_AT_ONCE = 20;

/** Waits until something holds, for at most a minute. Soon it leaves the processor to the threads that it waits for. */
export async function until(holds: () => boolean): Promise<void> {
  const last = performance.now() + 60_000;
  for (let turn = 0; !holds(); turn++) {
    if (performance.now() > last) throw new Error(`never held: ${holds}`);
    await (turn < TURNS_AT_ONCE ? turnOfTheLoop() : sleep(1));
  }
}

/** Counts the threads that this process starts from now on. */
export function countThreads(): { readonly started: number } {
  const count = { started: 0 };
  const add = () => {
    count.started++;
  };
  process.on('worker', add);
  onTestFinished(() => {
    process.off('worker', add);
  });
  return count;
}
