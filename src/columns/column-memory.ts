import { PipelineError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';

const MB = 1_048_576;

export const megabytes = (count: number): number => count * MB;

/** Keeps memory at hand that it can do without. */
export interface SpareHolder {
  dropSpares(): void;
}

/**
 * The account of what a pipeline holds in typed arrays. They live outside of V8's heap, so that no
 * limit of the heap sees them. Bytes are taken before they are allocated, and given back when
 * nothing refers to them any more.
 */
export class ColumnMemory {
  readonly limitBytes: number;
  #current = 0;
  #peak = 0;
  #isClosed = false;
  readonly #held = new Map<string, number>();
  readonly #spareHolders = new Set<SpareHolder>();

  /** @param limitBytes - Without it, the account only counts. */
  constructor(limitBytes = Number.POSITIVE_INFINITY) {
    this.limitBytes = limitBytes;
  }

  /** Bytes that are held now. */
  get current(): number {
    return this.#current;
  }

  /** The most bytes that were held at one time. */
  get peak(): number {
    return this.#peak;
  }

  /** Bytes by holder, the largest first. */
  get holders(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#held].sort(([, a], [, b]) => b - a));
  }

  /** Whether the pipeline has ended: what comes back is kept by nobody. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Counts bytes that are about to be allocated.
   *
   * @param holder - A short name for people: `batches`, `bars`.
   * @throws {PipelineError} `MEMORY_EXHAUSTED` above the limit; nothing was taken then.
   */
  take(bytes: number, holder: string): void {
    if (this.#current + bytes > this.limitBytes) this.dropSpares();
    if (this.#current + bytes > this.limitBytes) throw this.#exhausted(bytes, holder);
    this.#current += bytes;
    this.#peak = Math.max(this.#peak, this.#current);
    this.#held.set(holder, (this.#held.get(holder) ?? 0) + bytes);
  }

  /** Gives back bytes that the holder took, once nothing refers to them any more. */
  give(bytes: number, holder: string): void {
    const left = (this.#held.get(holder) ?? 0) - bytes;
    invariant(left >= 0, `"${holder}" gives back no more memory than it took`);
    this.#current -= bytes;
    if (left === 0) this.#held.delete(holder);
    else this.#held.set(holder, left);
  }

  /** Bytes of one holder that follow the size of its arrays. */
  share(holder: string): MemoryShare {
    return new MemoryShare(this, holder);
  }

  /** @internal From now on, the holder is asked to drop its spares before anybody is refused memory. */
  addSpareHolder(holder: SpareHolder): void {
    this.#spareHolders.add(holder);
  }

  /** @internal */
  removeSpareHolder(holder: SpareHolder): void {
    this.#spareHolders.delete(holder);
  }

  /** @internal */
  dropSpares(): void {
    for (const holder of this.#spareHolders) holder.dropSpares();
  }

  /** At the end of the pipeline: spares are dropped, and no more are kept. */
  close(): void {
    this.#isClosed = true;
    this.dropSpares();
  }

  #exhausted(bytes: number, holder: string): PipelineError {
    const held = Object.entries(this.holders).map(([name, has]) => `${name} ${inMegabytes(has)}`);
    const [largest = holder] = Object.keys(this.holders);
    return new PipelineError(
      'MEMORY_EXHAUSTED',
      `Columns would need more than the ${this.limitBytes / MB} MB that the job may have ("maxMemoryMb"): ` +
        `held are ${held.join(', ') || 'none'}, and ${inMegabytes(bytes)} more were asked for ${holder}. ` +
        `Raise "maxMemoryMb", or lower ${WHAT_TO_LOWER[largest] ?? '"batchRows"'}`,
    );
  }
}

/** By holder: what of a spec decides how much it holds. */
const WHAT_TO_LOWER: Readonly<Record<string, string>> = {
  bars: 'the "lateness" of bars',
  'parquet row group': '"rowGroupRows" of the sink, or "batchRows"',
  batcher: '"maxKeys" or "maxRows" of the batcher',
  batches: '"batchRows", or "maxKeys" and "maxRows" of the batcher',
};

/** What one holder has of an account: one number, so that what is given back is what was taken. */
export class MemoryShare {
  readonly #memory: ColumnMemory;
  readonly #holder: string;
  #bytes = 0;

  constructor(memory: ColumnMemory, holder: string) {
    this.#memory = memory;
    this.#holder = holder;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * To be called before arrays grow and after they are gone.
   * @throws {PipelineError} `MEMORY_EXHAUSTED` above the limit; the share is what it was then.
   */
  resize(bytes: number): void {
    const more = bytes - this.#bytes;
    if (more > 0) this.#memory.take(more, this.#holder);
    else if (more < 0) this.#memory.give(-more, this.#holder);
    this.#bytes = bytes;
  }
}

/** Never 0 of something. */
const inMegabytes = (bytes: number): string =>
  bytes < MB / 10 ? `${Math.ceil(bytes / 1_024)} KB` : `${(bytes / MB).toFixed(1)} MB`;
