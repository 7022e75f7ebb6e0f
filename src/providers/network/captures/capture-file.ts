import { Buffer } from 'node:buffer';
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Clock, TimerHandle } from '../../../core/clock.js';
import { makeDirectory } from '../../../core/make-directory.js';
import { errnoCode, outputFailed } from '../../../core/output-error.js';
import { randomId } from '../../../core/random-id.js';
import type { Logger } from '../../../telemetry/logger.js';
import type { LineKind } from './capture-lines.js';

/** As `captureFiles` has it, which is in code that every source of a provider loads. */
const ENDING = 'capture.gz';

const compress = promisify(gzip);

/** Lines are compressed by so many bytes, and at least once a second. */
const PART_BYTES = 256 * 1_024;
const PART_MS_MAX = 1_000;
/** With more bytes waiting, suppliers are made to wait, until half of it is written. */
export const WAITING_BYTES_MAX = 8 * 1_024 * 1_024;
/** Suppliers that were made to wait may still send as much. What is beyond is lost, and the capture says so. */
const LOSS_BYTES = 8 * WAITING_BYTES_MAX;

export interface CaptureFileParts {
  readonly directory: string;
  readonly job: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether suppliers have to wait has changed. */
  onPressure(isHigh: boolean): void;
  /** For tests. Default: the file system. */
  readonly openFile?: (path: string) => Promise<Pick<FileHandle, 'write' | 'sync' | 'close'>>;
}

/**
 * The file of a capture. Lines wait in memory, within a bound, while earlier ones are written: each part is a member of
 * gzip of its own, so that a file that was cut off can be read up to its last whole part.
 */
export class CaptureFile {
  readonly path: string;
  readonly #parts: CaptureFileParts;
  #file: Pick<FileHandle, 'write' | 'sync' | 'close'> | undefined;
  #part = Buffer.allocUnsafe(PART_BYTES);
  #length = 0;
  readonly #full: Buffer[] = [];
  #waiting = 0;
  #isHigh = false;
  #timer: TimerHandle;
  #writing: Promise<void> | undefined;
  #linesLost = 0;
  #isClosing = false;
  /** Lines that are not in the file, in all. */
  linesLost = 0;
  bytesWritten = 0;
  /** Why nothing more is written. */
  failure: unknown;

  constructor(parts: CaptureFileParts) {
    const { directory, job, clock } = parts;
    const stamp = new Date(Number(clock.wall() / 1_000_000n)).toISOString().replace(/[-:]/g, '');
    this.path = join(directory, `${job}-${stamp}-${randomId()}.${ENDING}`);
    this.#parts = parts;
  }

  /** @throws {PipelineError} `OUTPUT_FAILED` if it cannot be made. It is never one that is there. */
  async open(): Promise<void> {
    const { directory, openFile = (path) => open(path, 'wx') } = this.#parts;
    await makeDirectory({ mkdir, stat }, directory);
    try {
      this.#file = await openFile(this.path);
    } catch (error) {
      throw outputFailed('create the capture', this.path, error, undefined);
    }
  }

  /** Adds a line. The bytes are copied. @param ns - `RECEIVED_NS` as digits. */
  add(ns: string, connection: number, kind: LineKind, body: Uint8Array | string): void {
    if (this.failure !== undefined || !this.#file || this.#isClosing) return;
    if (this.#waiting >= LOSS_BYTES) {
      this.#linesLost++;
      this.linesLost++;
      return;
    }
    if (this.#linesLost > 0) this.#addLost(ns);
    this.#append(`${ns} ${connection} ${kind} `, body);
  }

  #addLost(ns: string): void {
    const lines = this.#linesLost;
    this.#linesLost = 0;
    this.#parts.log.error(
      { path: this.path, lines },
      'the capture is written too slowly: messages are missing in it',
    );
    this.#append(`${ns} 0 lost `, JSON.stringify({ lines }));
  }

  #append(head: string, body: Uint8Array | string): void {
    const bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const bytes = head.length + bodyBytes + 1;
    if (this.#length + bytes > this.#part.length) {
      this.#endPart();
      if (bytes > this.#part.length) this.#part = Buffer.allocUnsafe(bytes);
    }
    const part = this.#part;
    let at = this.#length;
    at += part.write(head, at, 'latin1');
    if (typeof body === 'string') at += part.write(body, at);
    else {
      part.set(body, at);
      at += bodyBytes;
    }
    part[at++] = 10;
    this.#length = at;
    this.#waiting += bytes;
    if (this.#waiting > WAITING_BYTES_MAX && !this.#isHigh) this.#press(true);
    this.#timer ??= this.#parts.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#endPart();
    }, PART_MS_MAX);
  }

  #press(isHigh: boolean): void {
    this.#isHigh = isHigh;
    this.#parts.onPressure(isHigh);
  }

  #endPart(): void {
    if (this.#length === 0) return;
    this.#full.push(this.#part.subarray(0, this.#length));
    this.#part = Buffer.allocUnsafe(PART_BYTES);
    this.#length = 0;
    this.#writing ??= this.#write();
  }

  /** Writes what is full, one part after another. Never rejects. */
  async #write(): Promise<void> {
    try {
      for (let part = this.#full.shift(); part; part = this.#full.shift()) {
        const packed = await compress(part);
        for (let at = 0; at < packed.length; ) {
          at += (await this.#file?.write(packed, at))?.bytesWritten ?? packed.length;
        }
        this.bytesWritten += packed.length;
        this.#waiting -= part.length;
        if (this.#isHigh && this.#waiting <= WAITING_BYTES_MAX / 2) this.#press(false);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeAll(): Promise<void> {
    this.#parts.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#endPart();
    while (this.#writing) await this.#writing;
  }

  #fail(error: unknown): void {
    this.failure = error;
    this.#full.length = 0;
    this.#length = 0;
    this.#waiting = 0;
    this.#parts.log.error(
      { path: this.path, code: errnoCode(error), error },
      'the capture ends here: it cannot be written',
    );
    if (this.#isHigh) this.#press(false);
  }

  /**
   * Writes what waits, what is lost, and the last line, and closes the file. Nothing more is taken. Never rejects: what
   * goes wrong is told in the log.
   *
   * @param ns - `RECEIVED_NS` of the end.
   */
  async close(ns: string): Promise<void> {
    this.#isClosing = true;
    await this.#writeAll();
    if (this.#file && this.failure === undefined) {
      if (this.#linesLost > 0) this.#addLost(ns);
      this.#append(`${ns} 0 end `, '');
      await this.#writeAll();
    }
    const file = this.#file;
    this.#file = undefined;
    try {
      if (this.failure === undefined) await file?.sync();
    } catch (error) {
      this.#fail(error);
    } finally {
      await file?.close().catch(() => {}); // said before, or of no use
    }
  }
}
