import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type InvalidSpecError, type OperatorSpec, resolveSpec } from '../../dist/src/index.js';
import { writeModule } from '../support/module-file.js';
import {
  countThreads,
  discard,
  endless,
  moduleOperator,
  rows,
  startRuntime,
  until,
} from './threads-support.js';

const spec = (...operators: OperatorSpec[]) => ({
  name: 'planned',
  source: rows(10),
  operators,
  sink: discard,
});

/** A module of the user's with this at its top level. */
const withTop = (top: string) => moduleOperator('emit(batch);', { top });

/** Writes a module with this plan. */
function withPlan(plan: string, top = '') {
  const create = 'create: (_, output) => ({ output, process: (batch, emit) => emit(batch) })';
  const path = writeModule(
    `${top}\nexport default { plan(options, input, problems) { ${plan} }, ${create} };`,
  );
  return { use: 'module', path } as const;
}

/** Threads of this process that plan and are not gone. */
function watchThreads(): { readonly alive: number; readonly started: number } {
  const threads = { alive: 0, started: 0 };
  const add = (worker: import('node:worker_threads').Worker) => {
    threads.alive++;
    threads.started++;
    worker.once('exit', () => {
      threads.alive--;
    });
  };
  process.on('worker', add);
  onTestFinished(() => {
    process.off('worker', add);
  });
  return threads;
}

/** The longest that the loop of this thread did not turn. */
function watchLoop(): { stop(): number } {
  let last = performance.now();
  let longestMs = 0;
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - last);
    last = performance.now();
  }, 5);
  return {
    stop() {
      clearInterval(timer);
      return Math.max(longestMs, performance.now() - last);
    },
  };
}

async function refusalOf(submitted: Promise<unknown>): Promise<InvalidSpecError> {
  const error = await submitted.then(
    () => expect.fail('it was taken'),
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'SPEC_INVALID' });
  return error as InvalidSpecError;
}

const settings = { moduleDeadlineMs: 15_000, maxHeapMb: 32 };
/** For what is to be ended by it: enough for a thread to get that far on a busy machine. */
const short = { ...settings, moduleDeadlineMs: 2_500 };

describe('a module that is checked', () => {
  it.each([
    ['ends the process', 'process.exit(7);', 'it ended its thread with exit code 7'],
    ['loops without end', 'for (;;) {}', 'did not load and plan within 2500 ms ("moduleDeadlineMs")'],
    [
      'takes more heap than there is',
      'const kept = []; for (;;) kept.push(new Array(1e4).fill(kept.length));',
      'it needs more than the 32 MB of heap',
    ],
    ['throws', "throw new Error('broken at the root');", 'failed while loading: broken at the root'],
    ['waits for what never comes', 'await new Promise(() => {});', 'it never finishes loading'],
    [
      'waits and keeps its thread busy',
      'setInterval(() => {}, 10); await new Promise(() => {});',
      'did not load and plan within 2500 ms',
    ],
    [
      'leaves a rejection to nobody and waits',
      "Promise.reject(new Error('nobody cares')); await new Promise(() => setInterval(() => {}, 10));",
      'an error that nothing caught ended its thread: nobody cares',
    ],
    [
      'waits in a system call',
      "import { execFileSync } from 'node:child_process'; execFileSync('sleep', ['5']);",
      'did not load and plan within 2500 ms',
    ],
  ])(
    'and %s is a problem of its spec, and touches neither jobs nor their supervisor',
    async (_, top, found) => {
      const runtime = await startRuntime(found.includes('2500') ? short : settings);
      const other = await runtime.submit({ name: 'other', source: endless, sink: discard });
      await until(() => other.inspect().counters.rowsOut > 0);
      const loop = watchLoop();
      const error = await refusalOf(runtime.submit(spec({ use: 'filter', where: 'bid > 0' }, withTop(top))));
      expect(loop.stop()).toBeLessThan(2_000);
      expect(error.problems).toEqual([
        { path: ['operators', 1], message: expect.stringMatching(/^module ".*operator\.mjs": /) },
      ]);
      expect(error.problems[0]!.message).toContain(found);
      const before = other.inspect().counters.rowsOut;
      await until(() => other.inspect().counters.rowsOut > before);
      expect(other.inspect().state).toBe('running');
    },
  );

  it('and posts messages without end has them heard by nobody', async () => {
    const runtime = await startRuntime(settings);
    const flooding = withTop(`import { parentPort, workerData } from 'node:worker_threads';
      const text = 'x'.repeat(100_000);
      for (let i = 0; i < 1_000; i++) parentPort?.postMessage({ answer: text });
      if (workerData?.port) throw new Error('the port is seen');`);
    const loop = watchLoop();
    const job = await runtime.submit(spec(flooding));
    expect(loop.stop()).toBeLessThan(2_000);
    await job.stop();
  });

  it.each(['null', '7', '{}', '{ answer: 7 }', '{ printed: { length: 1 } }'])(
    'and posts %s through the port of its thread is a problem of its spec',
    async (message) => {
      const runtime = await startRuntime(settings);
      const posting = withTop(`import { MessagePort } from 'node:worker_threads';
        const { postMessage } = MessagePort.prototype;
        MessagePort.prototype.postMessage = function () { postMessage.call(this, ${message}); };`);
      const { problems } = await refusalOf(runtime.submit(spec(posting)));
      expect(problems[0]!.message).toContain('it posts messages where none are expected');
    },
  );

  it('and prints a secret of the runtime shows it to nobody', async () => {
    const runtime = await startRuntime({ ...settings, secrets: ['planted words'] });
    const heard: string[] = [];
    const { write } = process.stderr;
    onTestFinished(() => {
      process.stderr.write = write;
    });
    process.stderr.write = (text: string | Uint8Array) => {
      heard.push(String(text));
      return true;
    };
    const job = await runtime.submit(spec(withTop("console.log('using', 'planted words');")));
    await job.stop();
    expect(heard.join('')).toContain('[planned] using [redacted]\n');
    expect(heard.join('')).not.toContain('planted words');
  });

  it('and prints without end is heard for a while, with the name of its job', async () => {
    const runtime = await startRuntime(settings);
    const heard: string[] = [];
    const { write } = process.stderr;
    onTestFinished(() => {
      process.stderr.write = write;
    });
    process.stderr.write = (text: string | Uint8Array) => {
      heard.push(String(text));
      return true;
    };
    const printing = withTop(`import { isMainThread } from 'node:worker_threads';
      for (let i = 0; i < 300_000; i++) { console.log('line', i); process.stdout.write('raw'); }
      throw new Error('enough');`);
    await refusalOf(runtime.submit(spec(printing)));
    const text = heard.join('');
    expect(text.startsWith('[planned] line 0\n[planned] raw\n[planned] line 1\n')).toBe(true);
    expect(text.length).toBeLessThan(100_000);
    expect(text).toMatch(/… further output is not shown\n$/);
  });

  it.each([
    ['loops', 'for (;;) {}', 'did not load and plan within 2500 ms'],
    ['ends the process', 'process.exit(0);', 'it ended its thread with exit code 0'],
    ['throws', "throw new Error('no plan');", 'its plan failed: no plan'],
    ['has problems', "problems.add(['factor'], 'expected a number'); return input;", 'expected a number'],
  ])('and whose plan %s is a problem of its spec', async (_, plan, found) => {
    const runtime = await startRuntime(found.includes('2500') ? short : settings);
    const error = await refusalOf(runtime.submit(spec(withPlan(plan))));
    expect(error.problems.map(({ message }) => message).join()).toContain(found);
  });

  it('says which columns come out, and stages behind it are checked by them', async () => {
    const adding = withPlan(
      "return { kind: input.kind, columns: [...input.columns, { name: 'extra', type: 'float64' }] };",
    );
    const resolved = await resolveSpec(spec(adding, { use: 'filter', where: 'extra > 0' }), {
      moduleFolders: [tmpdir()],
    });
    expect(resolved.operators[0]).toMatchObject({ use: 'module', runsUserCode: true, file: adding.path });
    const error = await refusalOf(
      resolveSpec(spec(adding, { use: 'filter', where: 'missing > 0' }), { moduleFolders: [tmpdir()] }),
    );
    expect(error.problems).toMatchObject([{ path: ['operators', 1, 'where'] }]);
  });

  it('changes nothing for the plan of another: each has a thread to itself', async () => {
    const runtime = await startRuntime(settings);
    const top = 'globalThis.plans = (globalThis.plans ?? 0) + 1; Array.prototype.polluted = true;';
    const plan = 'if (globalThis.plans !== 1) problems.add([], "it is not alone"); return input;';
    const one = withPlan(plan, top);
    const two = withPlan(plan, top);
    const jobs = [
      await runtime.submit({ ...spec(one, two, { ...one, options: { again: true } }), name: 'a' }),
      await runtime.submit({ ...spec({ ...one, options: { again: 1 } }), name: 'b' }),
    ];
    expect(Object.hasOwn(Array.prototype, 'polluted')).toBe(false);
    await Promise.all(jobs.map((job) => job.stop()));
  });

  it('may be TypeScript where Node loads it, and is refused with what to do where it does not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'operator.ts');
    writeFileSync(
      path,
      `interface Input { readonly kind: string }
      export default {
        plan: (_: unknown, input: Input): Input => input,
        create: (_: unknown, output: Input) => ({ output, process: (batch: unknown, emit: (b: unknown) => void) => emit(batch) }),
      };`,
    );
    const runtime = await startRuntime(settings);
    const submitted = runtime.submit(spec({ use: 'module', path }));
    if ((process.features as { typescript?: string | false }).typescript) {
      expect(await (await submitted).outcome).toMatchObject({ outcome: 'completed' });
    } else {
      const { problems } = await refusalOf(submitted);
      expect(problems).toMatchObject([{ path: ['operators', 0, 'path'] }]);
      expect(problems[0]!.message).toMatch(/it is TypeScript, which Node v\S+ does not load: compile it/);
    }
  });

  it('is refused where its options are no plain data', async () => {
    const runtime = await startRuntime(settings);
    const error = await refusalOf(
      runtime.submit(spec({ ...withPlan('return input;'), options: { every: () => 1 } })),
    );
    expect(error.problems[0]!.message).toContain('expected plain data as its options');
  });

  it('is refused from outside of the folders of the runtime, also when it was checked elsewhere', async () => {
    const module = withPlan('return input;');
    const resolved = await resolveSpec(spec(module), { moduleFolders: [tmpdir()] });
    for (const moduleFolders of [[], ['.']]) {
      const runtime = await startRuntime({ moduleFolders });
      for (const submit of [() => runtime.submit(spec(module)), () => runtime.submitResolved(resolved)]) {
        const error = await refusalOf(submit());
        expect(error.problems).toMatchObject([{ path: ['operators', 0, 'path'] }]);
        expect(error.problems[0]!.message).toContain('"moduleFolders"');
      }
    }
  });
});

describe('threads that plan', () => {
  it('are none for a spec without modules', async () => {
    const threads = countThreads();
    await resolveSpec(spec({ use: 'filter', where: 'bid > 0' }));
    expect(threads.started).toBe(0);
  });

  it('are a few at a time, and one for what is the same in a burst', async () => {
    const runtime = await startRuntime({ ...settings, maxThreads: 1 });
    const holder = await runtime.submit({ name: 'holder', source: endless, sink: discard });
    await until(() => holder.inspect().counters.rowsOut > 0);
    const threads = watchThreads();
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, threads.alive);
    }, 1);
    const same = withPlan('return input;');
    await Promise.all(Array.from({ length: 30 }, (_, i) => runtime.submit({ ...spec(same), name: `s${i}` })));
    expect(threads.started).toBe(1);
    const each = (i: number) => ({ ...spec({ ...same, options: { i } }), name: `d${i}` });
    await Promise.all(Array.from({ length: 12 }, (_, i) => runtime.submit(each(i))));
    clearInterval(timer);
    expect(threads.started).toBe(13);
    expect(most).toBeLessThanOrEqual(4);
    await until(() => threads.alive === 0);
  });

  it('are a few at a time in a process, however many runtimes and checks there are', async () => {
    const threads = watchThreads();
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, threads.alive);
    }, 1);
    const same = withPlan('return input;');
    const checks = Array.from({ length: 8 }, (_, i) =>
      resolveSpec(spec({ ...same, options: { i } }), { moduleFolders: [tmpdir()] }),
    );
    await Promise.all(checks);
    clearInterval(timer);
    expect(threads.started).toBe(8);
    expect(most).toBeLessThanOrEqual(Math.min(4, availableParallelism()));
  });

  it('ask again once the file has changed', async () => {
    const runtime = await startRuntime(settings);
    const module = withPlan('return input;');
    await (await runtime.submit(spec(module))).stop();
    writeFileSync(module.path, "throw new Error('changed');");
    await refusalOf(runtime.submit(spec(module)));
  });

  it('are gone after the answer, whatever the module left running', async () => {
    const threads = watchThreads();
    const busy = withTop(
      "import { Worker } from 'node:worker_threads'; setInterval(() => {}, 1); new Worker('for (;;) {}', { eval: true });",
    );
    await resolveSpec(spec(busy), { moduleFolders: [tmpdir()] });
    await until(() => threads.alive === 0);
    expect(threads.started).toBe(1);
  });

  it('with native code are never ended by force, and are gone once they have nothing left to do', async () => {
    const threads = watchThreads();
    const options = { moduleFolders: [tmpdir()], moduleDeadlineMs: 500 };
    const busy = { ...withTop('setTimeout(() => {}, 1_500);'), loads: 'native' as const };
    await resolveSpec(spec(busy), { ...options, moduleDeadlineMs: 60_000 }); // answers at once, and lives on
    expect(threads.alive).toBe(1); // `resolveSpec` waits a second for it
    const late = withPlan('for (const end = Date.now() + 2_000; Date.now() < end; ) {} return input;');
    await refusalOf(resolveSpec(spec({ ...late, loads: 'native' }), options));
    await until(() => threads.alive === 0);
  });

  it('that cannot be ended are named where none is left', async () => {
    const threads = watchThreads();
    const runtime = await startRuntime(short);
    const stuck = withTop("import { execFileSync } from 'node:child_process'; execFileSync('sleep', ['8']);");
    const problems = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const named = { ...spec({ ...stuck, options: { i } }), name: `s${i}` };
        return (await refusalOf(runtime.submit(named))).problems[0]!.message;
      }),
    );
    // Which of them get a thread is a matter of chance: all are checked at one time.
    const hadThread = problems.filter((problem) => problem.includes('did not load and plan within 2500 ms'));
    const hadNone = problems.filter((problem) =>
      /^no thread is left to load it in: those of module ".*operator\.mjs"/.test(problem),
    );
    expect(hadThread.length).toBeGreaterThan(0);
    expect(hadNone.length).toBeGreaterThan(0);
    expect(hadThread.length + hadNone.length).toBe(problems.length);
    await until(() => threads.alive === 0); // the whole process waits for them
  });

  it('are ended by close, and whoever waited for them is told so', async () => {
    const threads = watchThreads();
    const runtime = await startRuntime();
    const looping = withTop('for (;;) {}');
    const submitted = Array.from({ length: 6 }, (_, i) =>
      runtime.submit({ ...spec({ ...looping, options: { i } }), name: `l${i}` }).catch((error) => error),
    );
    await until(() => threads.alive > 0);
    await runtime.close();
    for (const error of await Promise.all(submitted)) expect(error).toMatchObject({ code: 'RUNTIME_CLOSED' });
    await until(() => threads.alive === 0);
    const after = runtime.submit(spec(looping));
    await expect(after).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' });
  });
});
