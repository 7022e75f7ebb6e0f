import type { Batch } from '../../../columns/batch.js';
import type { OriginNotes, SlotRows } from '../../../columns/merging/merged-rows.js';
import type { RowOrigin } from '../../../columns/row-origin.js';

/** Rows of an input. */
export interface BlockRows extends SlotRows {
  readonly block: Batch;
  /** Id of the input: stands for the file where the source does not say one. */
  readonly input: string;
}

/**
 * Notes where the merged rows were read. The rows that a batch has of one block follow on from one another, so
 * the block of each row and the first row of each block are enough.
 */
export class BlockOrigins implements OriginNotes<BlockRows> {
  readonly #rowsMax: number;
  #blocks: { readonly from: BlockRows; readonly origin: RowOrigin; readonly first: number }[] = [];
  #numbers = new Uint16Array(0);
  #hasOrigin = false;

  /** @param rowsMax - Capacity of a batch. */
  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  begin(): void {
    // Allocated anew: a holder of the previous batch may still ask.
    this.#blocks = [];
    this.#hasOrigin = false;
    this.#numbers = new Uint16Array(this.#rowsMax);
  }

  addRun(from: BlockRows, start: number, end: number, at: number): void {
    this.#numbers.fill(this.#number(from, start), at, at + end - start);
  }

  addSpread(from: BlockRows, start: number, rows: number, places: Int32Array, first: number): void {
    const number = this.#number(from, start);
    const numbers = this.#numbers;
    for (let i = 0; i < rows; i++) numbers[places[first + i]!] = number;
  }

  finish(): RowOrigin | undefined {
    if (!this.#hasOrigin) return undefined;
    const blocks = this.#blocks;
    const numbers = this.#numbers;
    return {
      at(place) {
        const number = numbers[place]!;
        const { origin, first } = blocks[number]!;
        let before = 0;
        for (let row = 0; row < place; row++) if (numbers[row] === number) before++;
        return origin.at(first + before);
      },
    };
  }

  #number(from: BlockRows, start: number): number {
    const blocks = this.#blocks;
    for (let number = blocks.length - 1; number >= 0; number--) {
      if (blocks[number]!.from === from) return number;
    }
    const { origin } = from.block;
    if (origin) this.#hasOrigin = true;
    const { input } = from;
    blocks.push({ from, origin: origin ?? { at: (row) => ({ file: input, line: row + 1 }) }, first: start });
    return blocks.length - 1;
  }
}
