import { readFileSync } from 'node:fs';

/** What the turns took, in all and in its longest turn; `cpu…` is `NaN` except on Linux. */
export interface TurnTimes {
  readonly ms: number;
  readonly cpuMs: number;
  readonly longestMs: number;
  readonly longestCpuMs: number;
}

/** Measures turns of the event loop until `end`. */
export class Turns {
  readonly #began = performance.now();
  readonly #beganCpu = cpuMs();
  #last = this.#began;
  #lastCpu = this.#beganCpu;
  #longestMs = 0;
  #longestCpuMs = 0;
  #isOver = false;
  readonly #over: Promise<void>;

  /** @param everyMs - Between two looks; 0: at each turn, which keeps the thread at work. */
  constructor(everyMs = 0) {
    this.#over = new Promise((resolve) => {
      const turn = () => {
        this.#note();
        if (this.#isOver) resolve();
        else if (everyMs === 0) setImmediate(turn);
        else setTimeout(turn, everyMs);
      };
      setImmediate(turn);
    });
  }

  async end(): Promise<TurnTimes> {
    this.#isOver = true;
    await this.#over;
    return {
      ms: this.#last - this.#began,
      cpuMs: this.#lastCpu - this.#beganCpu,
      longestMs: this.#longestMs,
      longestCpuMs: this.#longestCpuMs,
    };
  }

  #note(): void {
    const [now, cpu] = [performance.now(), cpuMs()];
    this.#longestMs = Math.max(this.#longestMs, now - this.#last);
    this.#longestCpuMs = Math.max(this.#longestCpuMs, cpu - this.#lastCpu);
    this.#last = now;
    this.#lastCpu = cpu;
  }
}

/** CPU time of the main thread so far; `NaN` where the system does not tell. */
function cpuMs(): number {
  if (process.platform !== 'linux') return Number.NaN;
  const [ns] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ', 1);
  return Number(ns) / 1e6;
}
