import type { MessagePort } from 'node:worker_threads';
import type { Batch } from '../columns/batch.js';
import type { ControlRecord } from '../columns/control-record.js';
import type { DictionarySet } from '../columns/dictionary.js';
import type { Schema } from '../columns/schema.js';
import { RuntimeError } from '../core/errors.js';
import { BatchQueue } from '../engine/queue/batch-queue.js';
import { batchOf } from '../engine/queue/drop-oldest.js';
import type { RingHandle } from '../shared-memory/ring-memory.js';
import { RingWriter } from '../shared-memory/ring-writer.js';
import type { Logger } from '../telemetry/logger.js';
import type { JoinedSettings } from '../wire/topic-messages.js';
import { CUT_OFFS, type CutOff, type StreamEnd } from './row-frames.js';
import { RowSender } from './row-sender.js';
import { WakePort } from './wake-port.js';

/** Batches that may wait for a consumer. Small ones become larger ones meanwhile. */
const BATCHES_MAX = 1_024;

export interface OutletParts {
  /** For messages: `job "bars"`. */
  readonly title: string;
  readonly settings: JoinedSettings;
  readonly ring: RingHandle;
  readonly port: MessagePort;
  readonly schema: Schema;
  readonly dictionaries: DictionarySet;
  readonly log: Logger;
  /** Called when there may be more room, or the consumer has gone. */
  onChange(): void;
}

/**
 * The end of a topic where rows are made, for one consumer: a ring, and a queue before it for what finds no
 * room there. The queue has the overflow policy of that consumer, so that it holds up nobody else.
 */
export class TopicOutlet {
  readonly title: string;
  readonly settings: JoinedSettings;
  readonly #parts: OutletParts;
  readonly #writer: RingWriter;
  readonly #sender: RowSender;
  readonly #queue: BatchQueue;
  readonly #port: WakePort;
  /** What is being written into the ring. */
  #current: Batch | undefined;
  #end: StreamEnd | undefined;
  #state: 'open' | 'ended' | 'gone' = 'open';
  #leftOut = 0;

  /** @throws {InvalidHandleError} */
  constructor(parts: OutletParts) {
    const { title, settings, ring, port, schema, dictionaries, onChange } = parts;
    this.#parts = parts;
    this.title = title;
    this.settings = settings;
    this.#writer = new RingWriter(ring);
    this.#port = new WakePort(
      port,
      () => {
        this.#pump();
        onChange();
      },
      () => this.#leave(),
    );
    this.#sender = new RowSender(this.#writer, schema, dictionaries, () => this.#port.post(0));
    const { overflow: policy, rows, bytes } = settings;
    const limits = { batches: BATCHES_MAX, rows, bytes };
    this.#queue = new BatchQueue({ limits, policy, schema, dictionaries, title });
  }

  /** Whether a batch can be written without leaving anything out. */
  get hasRoom(): boolean {
    return this.#current === undefined || this.#queue.hasRoom;
  }

  /** Whether it takes no more: the consumer has gone, or the stream has ended and all of it is in the ring. */
  get isOver(): boolean {
    return this.#state !== 'open';
  }

  get isGone(): boolean {
    return this.#state === 'gone';
  }

  /** Rows that are not in the ring yet. */
  get rowsWaiting(): number {
    return this.#queue.rows + (this.#current ? this.#current.length - this.#sender.rowsWritten : 0);
  }

  /** Rows that were left out for this consumer. */
  get rowsLeftOut(): number {
    return this.#queue.rowsLeftOut;
  }

  /** Changes whenever the consumer has taken something. */
  get taken(): number {
    return this.#writer.taken;
  }

  /** Bytes in the ring. */
  get bytesInRing(): number {
    return this.#writer.bytesWaiting;
  }

  /** Takes a batch and its ownership. With the policy `block`, called only if it has room. */
  write(batch: Batch): void {
    if (this.#state !== 'open') {
      batch.release();
    } else if (this.#current) {
      this.#put(batch);
    } else {
      this.#current = batch;
      this.#pump();
    }
  }

  /** Tells of something that belongs before the next rows. */
  tell(record: ControlRecord): void {
    this.write(batchOf([record], { ...this.#parts, checkControls: () => {} }));
  }

  /** Ends the stream behind what waits. */
  end(how: StreamEnd): void {
    this.#end = how;
    this.#pump();
  }

  /** Tells the consumer that it was too slow, and gives it nothing more. */
  cutOff(why: CutOff): void {
    if (this.#state !== 'open') return;
    this.#writer.cutOff(1 + CUT_OFFS.indexOf(why));
    this.close();
  }

  /** Frees everything. What is in the ring can be read on; the rest is lost. */
  close(): void {
    this.#port.close();
    if (this.#state === 'open') this.#state = 'gone';
    this.#current?.release();
    this.#current = undefined;
    this.#queue.close();
  }

  #put(batch: Batch): void {
    try {
      this.#queue.put(batch);
    } catch (error) {
      // What one consumer has no room for is its own affair, and not that of the producer.
      if (!(error instanceof RuntimeError)) throw error;
      this.#parts.log.warn({ consumer: this.title, err: error }, 'a consumer of the topic is cut off');
      this.cutOff(error.code === 'MEMORY_EXHAUSTED' ? 'memory' : 'full');
      this.#parts.onChange();
      return;
    }
    this.#tellLeftOut();
  }

  #tellLeftOut(): void {
    const { rowsLeftOut } = this.#queue;
    if (rowsLeftOut === this.#leftOut) return;
    if (this.#leftOut === 0) {
      const { overflow } = this.settings;
      this.#parts.log.warn(
        { consumer: this.title, overflow },
        'a consumer of the topic is slow: rows are left out',
      );
    }
    this.#leftOut = rowsLeftOut;
    this.#writer.tellLeftOut(rowsLeftOut);
  }

  /** Writes what waits, as far as there is room. Without room, the consumer wakes it. */
  #pump(): void {
    while (this.#state === 'open') {
      this.#current ??= this.#queue.take()?.batch;
      if (this.#current) {
        if (this.#sender.send(this.#current)) {
          this.#current.release();
          this.#current = undefined;
          continue;
        }
      } else if (this.#end === undefined) {
        return;
      } else if (this.#sender.end(this.#end)) {
        this.#state = 'ended';
        return;
      }
      if (this.#writer.wantsRoom()) return;
    }
  }

  #leave(): void {
    if (this.#state === 'ended') return;
    this.close();
    this.#parts.onChange();
  }
}
