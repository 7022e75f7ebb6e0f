import type { MessagePort } from 'node:worker_threads';
import { expose } from 'comlink';
import type { PipelineControl } from '../../wire/pipeline-actor.js';
import type { StageReport } from '../../wire/pipeline-report.js';
import { portEndpoint } from '../../wire/port-endpoint.js';
import type { ToProcess } from '../../wire/process-messages.js';

type Ask = Omit<Extract<ToProcess, { readonly type: 'ask' }>, 'for'>;

/** Answers a supervisor in the place of an actor in another process, with what that answers. */
export class ControlBridge {
  readonly #port: MessagePort;
  readonly #tell: (ask: Ask) => void;
  readonly #waiting = new Map<
    number,
    { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }
  >();
  /** Asked before the process was there. */
  #early: Ask[] | undefined = [];
  #asked = 0;

  /** @param tell - Sends a question to the process. */
  constructor(port: MessagePort, tell: (ask: Ask) => void) {
    this.#port = port;
    this.#tell = tell;
    const ask = (what: keyof PipelineControl) => () => this.#ask(what) as Promise<never>;
    const control: { [K in keyof PipelineControl]: () => Promise<Awaited<ReturnType<PipelineControl[K]>>> } =
      {
        ready: ask('ready'),
        pause: ask('pause'),
        resume: ask('resume'),
        drain: ask('drain'),
        suspend: ask('suspend'),
        stop: ask('stop'),
        describe: async () => reportsIn(await this.#ask('describe')),
      };
    expose(control, portEndpoint(port));
  }

  /** The process is there. */
  open(): void {
    for (const ask of this.#early ?? []) this.#tell(ask);
    this.#early = undefined;
  }

  answer(id: number, value: unknown): void {
    this.#waiting.get(id)?.resolve(value);
    this.#waiting.delete(id);
  }

  refuse(id: number, message: string): void {
    this.#waiting.get(id)?.reject(new Error(message));
    this.#waiting.delete(id);
  }

  close(): void {
    this.#waiting.clear(); // the supervisor waits for the end of the run as well
    this.#port.close();
  }

  #ask(what: keyof PipelineControl): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.#asked;
      this.#waiting.set(id, { resolve, reject });
      const ask: Ask = { type: 'ask', id, what };
      if (this.#early) this.#early.push(ask);
      else this.#tell(ask);
    });
  }
}

/** @param value - Of the process: it may be anything. */
function reportsIn(value: unknown): readonly StageReport[] {
  const isReport = (report: unknown): report is StageReport => {
    const { stage, use, health, statistics } = (report ?? {}) as Partial<StageReport>;
    const areTexts = typeof stage === 'string' && typeof use === 'string';
    return areTexts && isObject(health) && isObject(statistics);
  };
  return Array.isArray(value) ? value.filter(isReport) : [];
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
