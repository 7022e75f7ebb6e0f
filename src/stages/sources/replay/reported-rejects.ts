import type { BadRow } from '../../../core/errors.js';
import type { Rejects } from '../../../engine/rejects.js';
import type { BackwardPlace } from './replay-position.js';

/** For rows that are looked at and not yet read: bad ones are told when they are read. */
export const IGNORED_REJECTS: Rejects = {
  keepsRows: true,
  count: 0,
  add() {},
  async flush() {},
};

/** What an earlier run has told of a file that is read backwards. */
export function toldBackwards({ reported, told = [] }: BackwardPlace): (line: number) => boolean {
  return (line) => line >= reported || told.some(([from, end]) => line >= from && line < end);
}

/** Passes over bad rows that an earlier run has told, since it decoded further than it gave rows. */
export class UnreportedRejects implements Rejects {
  passedOver = 0;
  readonly #rejects: Rejects;
  readonly #wasReported: (line: number) => boolean;

  constructor(rejects: Rejects, wasReported: (line: number) => boolean) {
    this.#rejects = rejects;
    this.#wasReported = wasReported;
  }

  get keepsRows(): boolean {
    return this.#rejects.keepsRows;
  }

  get count(): number {
    return this.#rejects.count;
  }

  add(row: BadRow): void {
    if (this.#wasReported(row.line)) this.passedOver++;
    else this.#rejects.add(row);
  }

  flush(): Promise<void> {
    return this.#rejects.flush();
  }
}
