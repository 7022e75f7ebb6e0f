import { PipelineError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';

const MB = 1_048_576;

export const megabytes = (count: number): number => count * MB;

/** Keeps spare memory for reuse, and can free it. */
export interface SpareHolder {
  dropSpares(): void;
}

/**
 * Accounts for the typed arrays of a pipeline, up to a limit. They live outside of V8's heap, where
 * heap limits do not apply. Bytes are taken before they are allocated, and given back when nothing
 * refers to them any more.
 */
export class ColumnMemory {
  readonly limitBytes: number;
  #current = 0;
  #peak = 0;
  #isClosed = false;
  readonly #held = new Map<string, number>();
  readonly #spareHolders = new Set<SpareHolder>();

  /** @param limitBytes - If omitted, memory is counted but not limited. */
  constructor(limitBytes = Number.POSITIVE_INFINITY) {
    this.limitBytes = limitBytes;
  }

  /** Bytes in use now. */
  get current(): number {
    return this.#current;
  }

  /** The most bytes that were ever in use at one time. */
  get peak(): number {
    return this.#peak;
  }

  /** Bytes by holder, the largest first. */
  get holders(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#held].sort(([, a], [, b]) => b - a));
  }

  /** Whether the pipeline has ended: released memory is freed, not kept for reuse. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * @param holder - A short name for messages: `batches`, `bars`.
   * @throws {PipelineError} `MEMORY_EXHAUSTED` above the limit; then nothing was taken.
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

  /** Returns the share of one holder, which it resizes along with its arrays. */
  share(holder: string): MemoryShare {
    return new MemoryShare(this, holder);
  }

  /** Registers a holder whose spares are dropped before a request for memory is refused. */
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

  /** Called at the end of the pipeline: drops all spares, and keeps no more. */
  close(): void {
    this.#isClosed = true;
    this.dropSpares();
  }

  #exhausted(bytes: number, holder: string): PipelineError {
    const held = Object.entries(this.holders).map(([name, has]) => `${name} ${inMegabytes(has)}`);
    const [largest = holder] = Object.keys(this.holders);
    return new PipelineError(
      'MEMORY_EXHAUSTED',
      `Columns would need more than the ${this.limitBytes / MB} MB that the job may use ("maxMemoryMb"): ` +
        `in use: ${held.join(', ') || 'none'}; requested: ${inMegabytes(bytes)} for ${holder}. ` +
        `Raise "maxMemoryMb", or lower ${WHAT_TO_LOWER[largest] ?? '"batchRows"'}`,
    );
  }
}

/** The options of a spec that decide how much each holder needs. */
const WHAT_TO_LOWER: Readonly<Record<string, string>> = {
  bars: 'the "lateness" of bars',
  'parquet row group': '"rowGroupRows" of the sink, or "batchRows"',
  batcher: '"maxKeys" or "maxRows" of the batcher',
  batches: '"batchRows", or "maxKeys" and "maxRows" of the batcher',
};

/** The bytes of one holder, kept as one number so that exactly what was taken is given back. */
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
   * Sets the size of the share. Call it before arrays grow, and after they are freed.
   * @throws {PipelineError} `MEMORY_EXHAUSTED` above the limit; the share is then unchanged.
   */
  resize(bytes: number): void {
    const more = bytes - this.#bytes;
    if (more > 0) this.#memory.take(more, this.#holder);
    else if (more < 0) this.#memory.give(-more, this.#holder);
    this.#bytes = bytes;
  }
}

/** Formats bytes so that a small amount never shows as 0. */
const inMegabytes = (bytes: number): string =>
  bytes < MB / 10 ? `${Math.ceil(bytes / 1_024)} KB` : `${(bytes / MB).toFixed(1)} MB`;
