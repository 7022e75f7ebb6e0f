import type { CheckpointStore } from '../checkpoints/checkpoint-store.js';
import type { Checkpoint } from '../wire/checkpoint.js';

/** The checkpoints of jobs as far as jobs begin, end and are deleted. Their threads take and read them. */
export class JobCheckpoints {
  readonly #open: () => Promise<Pick<CheckpointStore, 'load' | 'remove'>>;

  /** @param open - Called each time: the store holds nothing open. */
  constructor(open: () => Promise<Pick<CheckpointStore, 'load' | 'remove'>>) {
    this.#open = open;
  }

  /** Whether the run of a job has ended with all of its rows delivered. */
  async hasDeliveredAll(name: string): Promise<boolean> {
    return isOver(await this.#load(name));
  }

  /**
   * Makes sure that a new job begins a new run. What is left of a run that has ended goes, too: it would say of the new
   * job that it has delivered all.
   *
   * @param options - `goesOn`: the job is to go on with a run that has not ended. `isNextSlice`: also with one that has,
   *   so that nothing is left for it.
   * @throws {PipelineError} `CHECKPOINT_FAILED`.
   */
  async begin(
    name: string,
    { goesOn, isNextSlice = false }: { readonly goesOn: boolean; readonly isNextSlice?: boolean },
  ): Promise<void> {
    if (isNextSlice) return;
    const found = await this.#load(name);
    if (found === undefined || (goesOn && !isOver(found))) return;
    await (await this.#open()).remove(name);
  }

  /** @throws {PipelineError} `CHECKPOINT_FAILED`. */
  async remove(name: string): Promise<void> {
    if ((await this.#load(name)) !== undefined) await (await this.#open()).remove(name);
  }

  /** One that cannot be read is there; what is wrong with it is told by the thread that goes on from it. */
  async #load(name: string): Promise<Checkpoint | 'unreadable' | undefined> {
    const store = await this.#open();
    try {
      return await store.load(name);
    } catch {
      return 'unreadable';
    }
  }
}

const isOver = (found: Checkpoint | 'unreadable' | undefined): boolean =>
  typeof found === 'object' && found.ended?.isPublished === true;
