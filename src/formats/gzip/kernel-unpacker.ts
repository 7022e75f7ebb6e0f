import { crc32 } from 'node:zlib';
import { constantOf, type KernelExports, kernelMaker, memoryOf } from '../../core/kernel-module.js';
import { gzipHeaderLength } from './gzip-header.js';
import { KERNEL_BYTES } from './kernel-bytes.js';
import { type EarlierBytes, NotUnderstoodError, type PackedFile, type Unpacker } from './unpacker.js';

/** What the kernel does: see `assembly/inflate.ts`. Numbers are addresses in its memory. */
interface InflateCalls {
  beginStream(): void;
  beginOutput(): void;
  inflate(from: number, to: number, isLast: boolean, limit: number): number;
  inputEnd(): number;
  outputEnd(): number;
}

const NEEDS_INPUT = 0;
const IS_OVER = 2;
const IS_WRONG = 3;
/** Zeros after the last packed bytes, so that loads behind them find no bytes of before. */
const ZEROS = 64;
/** Packed bytes that are held at least: the front of a block takes up to 640. */
const INPUT_MIN = 4_096;
/** Checksum and length, after each member. */
const TRAILER_BYTES = 8;
/** Kernels that are kept for the next file. */
const SPARES_MAX = 2;
/** Files that are unpacked by kernels at a time: V8 reserves 10 GB of address space for the memory of each. */
const IN_USE_MAX = 64;

/** A kernel with its memory, which never grows. */
class Kernel {
  readonly call: InflateCalls;
  readonly bytes: Uint8Array;
  readonly input: number;
  readonly inputMax: number;
  readonly output: number;
  readonly outputMax: number;

  constructor(exports: KernelExports) {
    this.call = exports as unknown as InflateCalls;
    this.bytes = new Uint8Array(memoryOf(exports));
    this.input = constantOf(exports, 'INPUT');
    this.inputMax = constantOf(exports, 'INPUT_BYTES');
    this.output = constantOf(exports, 'OUTPUT');
    this.outputMax = constantOf(exports, 'OUTPUT_BYTES');
  }
}

const newKernel = kernelMaker(KERNEL_BYTES, (exports) => new Kernel(exports));
/** Kernels of this thread that no file uses. */
const spares: Kernel[] = [];
let inUse = 0;

/**
 * Unpacks by a kernel, in this thread and into one memory, in less time than the streams of Node, which make a new
 * buffer of each chunk. It checks all that a gzip file says of its bytes. What is not as it should be, or unusual, it
 * does not judge: it throws `NotUnderstoodError`.
 */
export class KernelUnpacker implements Unpacker {
  readonly #file: PackedFile;
  readonly #kernel: Kernel;
  readonly #limit: number;
  /** Where the packed bytes that are held end at most. */
  readonly #inputEnd: number;
  /** Offset in the file of the next packed byte to read. */
  #at = 0;
  /** The packed bytes that were read and not taken are from here to there. */
  #from: number;
  #to: number;
  /** Whether the file has no more bytes. */
  #isLast = false;
  #isBusy = false;
  #isInMember = false;
  #members = 0;
  /** CRC-32 of the member, and of all that was returned. */
  #checksum = 0;
  #checksumOfAll = 0;
  #count = 0;
  /** Bytes of the member, as 32 bits. */
  #length = 0;

  /**
   * @param chunkBytes - Bytes at which a chunk ends, up to a match later; and most packed bytes that are held.
   * @returns `undefined` where there can be no kernel, or many are in use.
   */
  static of(file: PackedFile, chunkBytes: number): KernelUnpacker | undefined {
    const kernel = inUse < IN_USE_MAX ? newKernelOrSpare() : undefined;
    if (kernel) inUse++;
    return kernel && new KernelUnpacker(file, kernel, chunkBytes);
  }

  private constructor(file: PackedFile, kernel: Kernel, chunkBytes: number) {
    this.#file = file;
    this.#kernel = kernel;
    this.#limit = kernel.output + Math.min(chunkBytes, kernel.outputMax);
    this.#inputEnd = kernel.input + Math.min(Math.max(chunkBytes, INPUT_MIN), kernel.inputMax);
    this.#from = this.#to = kernel.input;
  }

  async next(): Promise<Uint8Array | null> {
    this.#isBusy = true;
    try {
      return await this.#next();
    } finally {
      this.#isBusy = false;
    }
  }

  async #next(): Promise<Uint8Array | null> {
    const { call, bytes, output } = this.#kernel;
    call.beginOutput();
    for (;;) {
      if (!this.#isInMember && !(await this.#enterMember())) return null;
      const result = call.inflate(this.#from, this.#to, this.#isLast, this.#limit);
      this.#from = call.inputEnd();
      if (result === IS_WRONG) throw new NotUnderstoodError();
      if (result === NEEDS_INPUT) {
        await this.#fill();
        continue;
      }
      const made = bytes.subarray(output, call.outputEnd());
      this.#checksum = crc32(made, this.#checksum);
      this.#length = (this.#length + made.length) >>> 0;
      const ofMember = this.#checksum;
      if (result === IS_OVER) await this.#leaveMember();
      if (made.length === 0) continue;
      this.#checksumOfAll = this.#members === 1 ? ofMember : crc32(made, this.#checksumOfAll);
      this.#count += made.length;
      return made;
    }
  }

  /** All bytes that it has returned. */
  get unpacked(): EarlierBytes {
    return { count: this.#count, checksum: this.#checksumOfAll };
  }

  close(): void {
    inUse--;
    // What is still under way would write into the memory of another file.
    if (!this.#isBusy && spares.length < SPARES_MAX) spares.push(this.#kernel);
  }

  /** Begins the next member. @returns `false` if the file ends here, or has padding alone. */
  async #enterMember(): Promise<boolean> {
    const { call, bytes, input } = this.#kernel;
    while (this.#to - this.#from < 2 && !this.#isLast) await this.#fill();
    if (this.#members > 0 && !this.#isMagic()) {
      await this.#passZeros();
      return false;
    }
    for (;;) {
      const length = gzipHeaderLength(bytes.subarray(this.#from, this.#to));
      if (length !== undefined) {
        this.#from += length;
        break;
      }
      if (this.#to - this.#from === this.#inputEnd - input) throw new NotUnderstoodError();
      await this.#fill();
    }
    call.beginStream();
    this.#isInMember = true;
    this.#members++;
    this.#checksum = this.#length = 0;
    return true;
  }

  async #leaveMember(): Promise<void> {
    while (this.#to - this.#from < TRAILER_BYTES) await this.#fill();
    const trailer = new DataView(this.#kernel.bytes.buffer, this.#from, TRAILER_BYTES);
    const isRight =
      trailer.getUint32(0, true) === this.#checksum && trailer.getUint32(4, true) === this.#length;
    if (!isRight) throw new NotUnderstoodError();
    this.#from += TRAILER_BYTES;
    this.#isInMember = false;
  }

  #isMagic(): boolean {
    const { bytes } = this.#kernel;
    return this.#to - this.#from >= 2 && bytes[this.#from] === 0x1f && bytes[this.#from + 1] === 0x8b;
  }

  async #passZeros(): Promise<void> {
    const { bytes } = this.#kernel;
    for (;;) {
      for (let at = this.#from; at < this.#to; at++) if (bytes[at] !== 0) throw new NotUnderstoodError();
      this.#from = this.#to;
      if (this.#isLast) return;
      await this.#fill();
    }
  }

  /** Reads more packed bytes, or finds the end of the file. @throws {NotUnderstoodError} if that is known already. */
  async #fill(): Promise<void> {
    if (this.#isLast) throw new NotUnderstoodError();
    const { bytes, input } = this.#kernel;
    bytes.copyWithin(input, this.#from, this.#to);
    this.#to = input + (this.#to - this.#from);
    this.#from = input;
    const count = await this.#file.read(bytes.subarray(this.#to, this.#inputEnd), this.#at);
    this.#at += count;
    this.#to += count;
    if (count > 0) return;
    this.#isLast = true;
    bytes.fill(0, this.#to, this.#to + ZEROS);
  }
}

function newKernelOrSpare(): Kernel | undefined {
  const made = process.env.TICKLOOM_NO_WASM === '1' ? undefined : spares.pop();
  return made ?? newKernel();
}
