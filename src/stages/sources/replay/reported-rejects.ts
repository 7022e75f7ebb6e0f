import type { BadRow } from '../../../core/errors.js';
import type { Rejects } from '../../../engine/rejects.js';
import type { BackwardPosition } from './replay-position.js';

/** For rows that are only peeked at: bad ones are reported when they are read for real. */
export const IGNORED_REJECTS: Rejects = {
  keepsRows: true,
  count: 0,
  add() {},
  async flush() {},
};

/** Which bad rows an earlier run reported in a file that is read backwards. */
export function toldBackwards({ reported, told = [] }: BackwardPosition): (line: number) => boolean {
  return (line) => line >= reported || told.some(([from, end]) => line >= from && line < end);
}

/** Skips bad rows that an earlier run reported: it had decoded more rows than it delivered. */
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
