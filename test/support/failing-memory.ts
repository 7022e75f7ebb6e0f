import { ColumnMemory } from '../../src/columns/column-memory.js';
import { PipelineError } from '../../src/core/errors.js';

/** Memory that is exhausted once: when it is asked for more the time after so many. */
export class FailingMemory extends ColumnMemory {
  /** How often it was asked for more. */
  taken = 0;
  readonly #failsAfter: number;

  constructor(failsAfter = Number.POSITIVE_INFINITY) {
    super();
    this.#failsAfter = failsAfter;
  }

  override take(bytes: number, holder: string): void {
    if (this.taken++ === this.#failsAfter) {
      throw new PipelineError('MEMORY_EXHAUSTED', `There is no more memory for "${holder}"`);
    }
    super.take(bytes, holder);
  }
}
