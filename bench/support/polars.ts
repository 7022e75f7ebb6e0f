import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { NotRun } from './bench-result.js';
import type { RemoteContender, RunTimes } from './measure.js';
import type { PolarsWork } from './polars-work.js';

const CHILD = fileURLToPath(new URL('./polars-child.js', import.meta.url));
/** Not a dependency: 115 MB, and npm leaves its binary out where Node is older than 22, without a word. */
const INSTALL = 'npm install --no-save nodejs-polars@0.26.1, with Node 22 or later';
const NODE_MAJOR_MIN = 22;

/** What a process with Polars says first: whether it is there. */
export type PolarsReady = { readonly version: string } | { readonly missing: string };

/** Polars in a process of its own, since it reads its number of threads once a process. */
export class PolarsProcess {
  /** What it is called in results. */
  readonly name: string;
  readonly #child: ChildProcess;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
  }

  /** One with one thread, and one with as many as Polars takes; or why there are none. */
  static async openBoth(): Promise<readonly PolarsProcess[] | NotRun> {
    const one = await PolarsProcess.#open('1');
    if (!(one instanceof PolarsProcess)) return one;
    const byDefault = await PolarsProcess.#open(undefined);
    if (byDefault instanceof PolarsProcess) return [one, byDefault];
    one.close();
    return byDefault;
  }

  static async #open(threads: string | undefined): Promise<PolarsProcess | NotRun> {
    const { POLARS_MAX_THREADS: _, ...env } = process.env;
    const child = fork(CHILD, {
      env: threads === undefined ? env : { ...env, POLARS_MAX_THREADS: threads },
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    const ready: PolarsReady = await answerOf(child);
    if ('version' in ready) {
      const kind = threads === undefined ? 'default threads' : `${threads} thread`;
      return new PolarsProcess(`polars ${ready.version}, ${kind}`, child);
    }
    const isOld = Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN;
    const why = isOld ? `this is Node ${process.versions.node}` : ready.missing;
    return { name: 'polars', ours: false, notRun: `${why} (${INSTALL})` };
  }

  /** Writes the file, and answers with what that took there. */
  async run(work: PolarsWork): Promise<RunTimes> {
    const answer = answerOf<RunTimes>(this.#child);
    this.#child.send(work);
    return await answer;
  }

  contender(count: number, work: PolarsWork, like: string, addition = ''): RemoteContender {
    return {
      name: this.name + addition,
      ours: false,
      like,
      count,
      runElsewhere: () => this.run(work),
    };
  }

  close(): void {
    this.#child.disconnect();
  }
}

/** Its next message. @throws {Error} when it ends before that. */
async function answerOf<T>(child: ChildProcess): Promise<T> {
  const ended = new AbortController();
  const answer = once(child, 'message', { signal: ended.signal });
  const lost = once(child, 'exit', { signal: ended.signal }).then(([code, signal]) => {
    throw new Error(`the process with Polars ended: ${signal ?? `exit code ${code}`}`);
  });
  try {
    const [message] = await Promise.race([answer, lost]);
    return message as T;
  } finally {
    lost.catch(() => {});
    answer.catch(() => {});
    ended.abort();
  }
}
