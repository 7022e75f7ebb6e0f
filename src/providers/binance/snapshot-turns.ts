/** Lets a few books at a time have their snapshots fetched and written, in the order of asking. */
export class SnapshotTurns {
  readonly #max: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * @returns What ends the turn: at once, if there is one.
   * @throws the reason of the signal, if it aborts first.
   */
  take(signal: AbortSignal): Promise<() => void> | (() => void) {
    if (this.#taken >= this.#max) return this.#handedOver(signal).then(() => this.#turn());
    this.#taken++;
    return this.#turn();
  }

  #turn(): () => void {
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#taken--;
    };
  }

  #handedOver(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const begin = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(begin);
    });
  }
}
