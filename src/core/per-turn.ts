/** Callers that pass in the same turn. They share a promise, so that ten thousand may wait at little cost. */
interface Group {
  readonly turn: Promise<void>;
  readonly begin: () => void;
  callers: number;
}

const NOW = Promise.resolve();

/**
 * Lets at most so many callers through in one turn of the event loop, first come, first served; the others
 * wait for a later turn. So a burst of calls leaves time for everything else between them.
 */
export class PerTurn {
  readonly #max: number;
  #passed = 0;
  #isArmed = false;
  /** In the order of their turns. */
  readonly #waiting: Group[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** Resolves when it is the caller's turn. */
  pass(): Promise<void> {
    if (this.#waiting.length > 0 || this.#passed === this.#max) return this.#wait();
    this.#passed++;
    this.#arm();
    return NOW;
  }

  #wait(): Promise<void> {
    let group = this.#waiting.at(-1);
    if (!group || group.callers === this.#max) {
      group = newGroup();
      this.#waiting.push(group);
    }
    group.callers++;
    return group.turn;
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(() => {
      this.#isArmed = false;
      const next = this.#waiting.shift();
      this.#passed = next?.callers ?? 0;
      if (!next) return;
      this.#arm();
      next.begin();
    });
  }
}

function newGroup(): Group {
  let begin = () => {};
  const turn = new Promise<void>((resolve) => {
    begin = resolve;
  });
  return { turn, begin, callers: 0 };
}
