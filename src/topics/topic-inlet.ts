import { Batch } from '../columns/batch.js';
import { BatchPool } from '../columns/batch-pool.js';
import type { MemoryShare } from '../columns/column-memory.js';
import type { ControlRecord } from '../columns/control-record.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import { PipelineError, RemoteError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import { describeValue } from '../core/shown-text.js';
import type { Nanos } from '../core/units.js';
import { RESTART_REASON } from '../engine/intake/live-intake.js';
import { DROPPED_REASONS } from '../engine/queue/waiting-controls.js';
import { RingReader } from '../shared-memory/ring-reader.js';
import type { ConsumerNotice, TopicLinks, TopicRequest } from '../wire/topic-messages.js';
import { EventSpan } from './event-span.js';
import { CUT_OFFS, type StreamEnd } from './row-frames.js';
import { RowReceiver } from './row-receiver.js';
import { topicLost, topicOverflowed } from './topic-errors.js';
import type { ConsumerTerms, TopicReader } from './topic-port.js';
import { WakePort } from './wake-port.js';

/** What a consumer of this process needs besides. */
export interface InletParts extends ConsumerTerms {
  readonly links: TopicLinks;
}

/** A ring of one producer, as it is read. */
interface OpenRing {
  readonly epoch: number;
  /** Of its producer. */
  readonly title: string;
  readonly order: EventOrder;
  readonly reader: RingReader;
  readonly receiver: RowReceiver;
  readonly port: WakePort;
  /** Whether the producer has closed it, or has gone: it writes nothing more. */
  isClosed: boolean;
}

/** The end of a topic where rows are read: one ring for each of its producers, one after the other. */
export class TopicInlet implements TopicReader {
  readonly #parts: InletParts;
  readonly #memory: MemoryShare;
  #schema: Schema | undefined;
  #pool: BatchPool | undefined;
  /** Until when rows are known to have come, before the producer or this run was lost. */
  #missedSince: { readonly at: bigint; readonly reason: string } | undefined;
  #latest: bigint | undefined;
  readonly #rings: OpenRing[] = [];
  #link: WakePort | undefined;
  #waiting: (() => void) | undefined;
  #failure: Error | undefined;
  #isOver = false;
  #isStopped = false;
  #ringsHeard = 0;
  #rows = 0;
  #rowsLeftOut = 0;
  /** Those that were left out when this end last had read all. */
  #rowsLeftOutBefore = 0;
  /** Whether the next rows are of another producer than those before. */
  #isAnew = false;

  constructor(parts: InletParts) {
    this.#parts = parts;
    this.#schema = parts.schema;
    this.#memory = parts.dictionaries.memory.share('rings of topics');
  }

  /** The columns of its rows, once they are known. */
  get schema(): Schema | undefined {
    return this.#schema;
  }

  /** The latest event time of all rows so far, in ns. */
  get latest(): bigint | undefined {
    return this.#latest;
  }

  /** For messages: who makes its rows now; `undefined` if nobody does. */
  get producer(): string | undefined {
    return this.#rings[0]?.title;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Rows that were left out, since this end was too slow. */
  get rowsLeftOut(): number {
    return this.#rowsLeftOut + (this.#rings[0]?.reader.rowsLeftOut ?? 0);
  }

  /** Whether rows were left out since this end last had read all that waited for it. */
  get isTooSlow(): boolean {
    return this.rowsLeftOut > this.#rowsLeftOutBefore;
  }

  /** Bytes that wait in the ring. */
  get bytesWaiting(): number {
    return this.#rings[0]?.reader.bytesWaiting ?? 0;
  }

  /** How many producers it has had. */
  get producers(): number {
    return this.#ringsHeard;
  }

  /** Asks to join. Rows come once there is a producer. */
  open(): void {
    const { topic, schema, maxDelayNs, settings, links } = this.#parts;
    this.#link = new WakePort(
      links.connect(),
      (message) => this.#hear(message as ConsumerNotice), // the registry posts nothing else
      () => {
        this.#failure ??= new PipelineError('SOURCE_FAILED', `Topic "${topic}": its runtime was closed`);
        this.#wake();
      },
    );
    this.#link.post({ type: 'consume', topic, schema, maxDelayNs, settings } satisfies TopicRequest);
  }

  /** The time of the latest row: a ring keeps nothing, so what came after it is missing for the next reader. */
  position(): PlainData {
    return { latest: this.#latest === undefined ? null : String(this.#latest) };
  }

  /**
   * Called before the first row is read.
   *
   * @param position - Of an earlier reader.
   * @throws {PipelineError} `CHECKPOINT_INVALID` if it is none.
   */
  goOnFrom(position: PlainData): void {
    const latest = latestOf(position, this.#parts.topic);
    if (latest === undefined) return;
    this.#latest = latest;
    this.#missedSince = { at: this.#latest, reason: RESTART_REASON };
  }

  /**
   * Returns what waits, owned by the caller, without a promise if there is something; `null` at the end.
   *
   * @throws {PipelineError} `TOPIC_LOST`, `QUEUE_FULL`, `TOPIC_MISMATCH`, `MEMORY_EXHAUSTED`.
   */
  read(): Batch | null | Promise<Batch | null> {
    const batch = this.#next();
    return batch === undefined ? this.#wait() : batch;
  }

  /** Ends the stream behind what was written for it until now: a waiting read settles. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const { reader } of this.#rings) reader.fixEnd();
    this.#wake();
  }

  /** Frees everything. */
  close(): void {
    this.stop();
    this.#isOver = true;
    this.#link?.close();
    for (const { port, reader } of this.#rings.splice(0)) {
      this.#rowsLeftOut += reader.rowsLeftOut;
      port.close();
    }
    this.#pool?.close();
    this.#memory.resize(0);
  }

  async #wait(): Promise<Batch | null> {
    for (;;) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
      const batch = this.#next();
      if (batch !== undefined) return batch;
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  /** Returns what waits, or `undefined` if whoever brings more wakes it. */
  #next(): Batch | null | undefined {
    for (;;) {
      if (this.#isOver) return null;
      const ring = this.#rings[0];
      if (!ring) {
        if (this.#isStopped) return null;
        if (this.#failure) throw this.#failure;
        return undefined;
      }
      const { isClosed, reader, receiver } = ring; // first: what was written before it was closed is there then
      const batch = receiver.receive();
      if (batch) return this.#received(batch, ring.order);
      if (this.#isStopped && this.#rings.length === 1) return null; // else all before the last one are closed
      if (receiver.end !== undefined || isClosed) {
        const told = this.#finish(ring, receiver.end);
        if (told) return told;
      } else if (reader.sleeps()) {
        this.#rowsLeftOutBefore = this.rowsLeftOut;
        return undefined;
      }
    }
  }

  #received(batch: Batch, order: EventOrder): Batch {
    this.#rows += batch.length;
    if (batch.length > 0) this.#note(batch, order);
    if (batch.schema.kind === 'book' && batch.controls.length > 0) this.#resetBooks(batch);
    return batch;
  }

  /** Tells of what was missed before the first rows of another producer, or of another start. */
  #note(batch: Batch, { scope, maxDelayNs }: EventOrder): void {
    const span = new EventSpan(batch.schema);
    span.add(batch);
    const { least, greatest } = span;
    const missed = this.#missedSince;
    this.#missedSince = undefined;
    const told: ControlRecord[] = [];
    if (missed && least !== undefined && least > missed.at) {
      told.push({ type: 'gap', from: missed.at as Nanos, to: least, reason: missed.reason });
    }
    if (this.#isAnew) {
      this.#isAnew = false;
      const reason = `the topic has another producer: ${this.producer}`;
      told.push({ type: 'reset', at: least ?? (0n as Nanos), reason });
    }
    if (told.length > 0) batch.controls.unshift(...told.map((record) => ({ row: 0, record })));
    if (greatest === undefined || (this.#latest !== undefined && greatest <= this.#latest)) return;
    this.#latest = greatest;
    // The rows of this end promise the order of their own symbol alone: what they said of all others is told.
    if (scope === 'all') {
      const at = (greatest - BigInt(Math.ceil(maxDelayNs))) as Nanos;
      batch.controls.push({ row: batch.length, record: { type: 'watermark', at } });
    }
  }

  /** A book whose changes were dropped is no longer known. */
  #resetBooks(batch: Batch): void {
    batch.controls = batch.controls.flatMap(({ row, record }) => {
      if (record.type !== 'gap' || !isDropped(record.reason)) return [{ row, record }];
      const reset = { type: 'reset', at: record.to, reason: record.reason } as const;
      return [
        { row, record },
        { row, record: reset },
      ];
    });
  }

  /** @returns A batch that tells of it, if the stream goes on. */
  #finish(ring: OpenRing, how: StreamEnd | undefined): Batch | undefined {
    const { topic, producerEnds, producerLost } = this.#parts;
    const { title, reader, port } = ring;
    this.#rowsLeftOut += reader.rowsLeftOut;
    this.#rings.shift();
    port.close();
    this.#memory.resize(this.#rings.reduce((bytes, each) => bytes + each.reader.memory.byteLength, 0));
    this.#isAnew = true;
    if (how === 'completed' || how === 'drained') {
      this.#isOver = producerEnds === 'end';
      return undefined;
    }
    const cutOff = CUT_OFFS[reader.cutOff - 1];
    if (cutOff) throw this.#fail(topicOverflowed(topic, title, cutOff));
    const lost = `its producer, ${title}, ${how === 'failed' || how === 'suspended' ? HOW_GONE[how] : 'was lost'}`;
    if (producerLost === 'fail' && how !== 'suspended') throw this.#fail(topicLost(topic, lost));
    if (this.#latest === undefined) return undefined;
    this.#missedSince = { at: this.#latest, reason: lost };
    return this.#told([{ type: 'stale', since: this.#latest as Nanos }]);
  }

  #fail(error: Error): Error {
    this.#failure = error;
    return error;
  }

  #told(records: readonly ControlRecord[]): Batch {
    const batch = new Batch(this.#schema!, 1, this.#parts.dictionaries);
    batch.controls = records.map((record) => ({ row: 0, record }));
    return batch;
  }

  #hear(notice: ConsumerNotice): void {
    const { topic, producerLost } = this.#parts;
    if (this.#isStopped) {
      if (notice.type === 'ring') notice.port.close();
      return;
    }
    if (notice.type === 'refused') {
      this.#failure ??= new RemoteError(notice.error);
    } else if (notice.type === 'ring') {
      this.#follow(notice);
    } else if (producerLost === 'fail') {
      this.#failure ??= topicLost(
        topic,
        `its producer, ${notice.title}, ended before this consumer could join`,
      );
    }
    this.#wake();
  }

  #follow({ epoch, title, schema, order, ring, port }: Extract<ConsumerNotice, { type: 'ring' }>): void {
    const { dictionaries, batchRows } = this.#parts;
    try {
      this.#memory.resize(this.#memory.bytes + ring.memory.byteLength);
    } catch (error) {
      port.close();
      this.#failure ??= error as Error;
      return;
    }
    this.#schema ??= schema;
    this.#pool ??= new BatchPool(this.#schema, batchRows, dictionaries);
    for (const earlier of this.#rings) earlier.isClosed = true; // a topic has one producer at a time
    const reader = new RingReader(ring);
    const wakePort = new WakePort(
      port,
      () => this.#wake(),
      () => {
        open.isClosed = true;
        this.#wake();
      },
    );
    const receiver = new RowReceiver(reader, this.#pool, dictionaries, () => wakePort.post(0));
    const open: OpenRing = { epoch, title, order, reader, receiver, port: wakePort, isClosed: false };
    this.#rings.push(open);
    this.#ringsHeard++;
  }
}

const HOW_GONE = { failed: 'has failed', suspended: 'was suspended' } as const;

const isDropped = (reason: string): boolean => Object.values<string>(DROPPED_REASONS).includes(reason);

/** Reads what `position` gives. It comes from a store. */
function latestOf(position: PlainData, topic: string): bigint | undefined {
  const { latest } = (position ?? {}) as { readonly latest?: PlainData }; // nothing of it is taken unchecked
  if (latest === null) return undefined;
  if (typeof latest === 'string' && NANOS.test(latest)) return BigInt(latest);
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `Topic "${topic}": expected the time of the latest row in the position, found ${describeValue(latest)}`,
  );
}

/** As `String` writes 64 bits. */
const NANOS = /^-?\d{1,19}$/;
