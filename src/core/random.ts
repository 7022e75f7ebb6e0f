/**
 * Small fast counting generator (sfc32, Chris Doty-Humphrey, PractRand), 32-bit integer
 * arithmetic alone: a seed gives the same numbers on every machine.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: number | RandomState) {
    if (typeof seed === 'number') {
      this.#a = seed | 0;
      this.#b = Math.floor(seed / 4_294_967_296) | 0;
      this.#c = 0x9e37_79b9 | 0;
      this.#counter = 1;
      for (let round = 0; round < 12; round++) this.nextInt32();
    } else {
      [this.#a, this.#b, this.#c, this.#counter] = seed;
    }
  }

  /** Uniform over all 32-bit integers, signed. */
  nextInt32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum;
  }

  /** Uniform in [0, 1), 32 bits of it. */
  next(): number {
    return (this.nextInt32() >>> 0) / 4_294_967_296;
  }

  /** Uniform over 0 … `bound` − 1. */
  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Plain data from which `new Random(state)` goes on. */
  state(): RandomState {
    return [this.#a, this.#b, this.#c, this.#counter];
  }
}

/** Where a sequence of random numbers stands. */
export type RandomState = readonly [number, number, number, number];
