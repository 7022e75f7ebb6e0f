/** Processes, or threads, that are up and wait for a spec to run: so runs start at once, and often. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const SCRIPT = fileURLToPath(new URL('run-on-demand.mjs', import.meta.url));

export type RunnerKind = 'processes' | 'threads';

export interface Runner {
  /** @returns The outcome of the run, or the code of its error. */
  run(spec: object): Promise<string>;
  /** Starts a run, which dies with the runner. Resolves once it has opened its output. */
  open(spec: object): Promise<void>;
  /** Ends it at once, in the middle of whatever it does. */
  kill(): Promise<void>;
}

/** The two kinds have these in common. */
interface Port {
  on(event: 'message', listener: (text: string) => void): unknown;
  off(event: 'message', listener: (text: string) => void): unknown;
}

async function startRunner(kind: RunnerKind): Promise<Runner> {
  const { port, send, kill } = kind === 'processes' ? startProcess() : startThread();
  const heard = (isMeant: (text: string) => boolean) =>
    new Promise<string>((resolve) => {
      const listen = (text: string) => {
        if (!isMeant(text)) return;
        port.off('message', listen);
        resolve(text);
      };
      port.on('message', listen);
    });
  await heard((text) => text === 'up');
  return {
    async run(spec) {
      const end = heard((text) => text !== 'open');
      send(spec);
      return end;
    },
    async open(spec) {
      const opened = heard(() => true);
      send(spec);
      const text = await opened;
      if (text !== 'open') throw new Error(`expected the run to open its output, found ${text}`);
    },
    kill,
  };
}

function startProcess() {
  const child = fork(SCRIPT, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  return {
    port: child as Port,
    send: (spec: object) => void child.send(spec),
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function startThread() {
  const worker = new Worker(SCRIPT);
  return {
    port: worker as Port,
    send: (spec: object) => worker.postMessage(spec),
    kill: async () => {
      await worker.terminate();
    },
  };
}

/** Runners of one kind. They are started as they are needed, and used again. */
export class Runners {
  readonly #kind: RunnerKind;
  readonly #idle: Runner[] = [];

  constructor(kind: RunnerKind) {
    this.#kind = kind;
  }

  /** Runs all specs at once. @returns How each run ended. */
  async atOnce(specs: readonly object[]): Promise<string[]> {
    const runners = await this.#take(specs.length);
    const ends = await Promise.all(runners.map((runner, i) => runner.run(specs[i]!)));
    this.#idle.push(...runners);
    return ends;
  }

  /** Starts a run, and kills it once it has opened its output. */
  async openAndKill(spec: object): Promise<void> {
    const [runner] = await this.#take(1);
    await runner!.open(spec);
    await runner!.kill();
  }

  async close(): Promise<void> {
    for (const runner of this.#idle.splice(0)) await runner.kill();
  }

  async #take(count: number): Promise<Runner[]> {
    const missing = Array.from({ length: Math.max(0, count - this.#idle.length) }, () =>
      startRunner(this.#kind),
    );
    this.#idle.push(...(await Promise.all(missing)));
    return this.#idle.splice(0, count);
  }
}
