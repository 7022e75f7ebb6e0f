import type { Batch } from '../columns/batch.js';
import { shareBatch } from '../columns/shared-batch.js';
import { PipelineError, RemoteError } from '../core/errors.js';
import { invariant } from '../core/invariant.js';
import type { Nanos } from '../core/units.js';
import type { StageHealth, StageStatistics } from '../wire/pipeline-report.js';
import type { ProducerNotice, TopicLinks, TopicRequest } from '../wire/topic-messages.js';
import { ChangeWaiters } from './change-waiters.js';
import { EventSpan } from './event-span.js';
import type { StreamEnd } from './row-frames.js';
import { topicBlocked, topicFenced } from './topic-errors.js';
import { TopicOutlet } from './topic-outlet.js';
import type { ProducerTerms, TopicFence, TopicPublisher } from './topic-port.js';
import { WakePort } from './wake-port.js';

/** What a producer of this process needs besides. */
export interface ProducerParts extends ProducerTerms {
  readonly links: TopicLinks;
}

/** The end of a topic where rows are made: gives them to each of its consumers. */
export class TopicProducer implements TopicPublisher {
  readonly #parts: ProducerParts;
  readonly #waiters: ChangeWaiters;
  readonly #span: EventSpan;
  #outlets: TopicOutlet[] = [];
  #link: WakePort | undefined;
  #state: 'asked' | 'started' | 'lost' = 'asked';
  #refusal: RemoteError | undefined;
  #fence: TopicFence | undefined;
  /** Whether nobody is about to join any more. */
  #isReady = false;
  #isClosed = false;
  #rows = 0;
  #rowsUnheard = 0;
  /** Of consumers that have gone. */
  #rowsLeftOut = 0;
  #end: StreamEnd | undefined;

  constructor(parts: ProducerParts) {
    this.#parts = parts;
    this.#waiters = new ChangeWaiters(parts.clock, parts.stopping);
    this.#span = new EventSpan(parts.schema);
  }

  /** Known once it is open. */
  get fence(): TopicFence {
    invariant(this.#fence !== undefined, 'a producer is open before it publishes');
    return this.#fence;
  }

  /** Rows that are in the ring of each consumer. */
  get rowsGiven(): number {
    return this.#rows - Math.max(0, ...this.#outlets.map(({ rowsWaiting }) => rowsWaiting));
  }

  /**
   * Becomes the producer of the topic.
   *
   * @throws {RemoteError} `TOPIC_TAKEN` if it has one.
   * @throws {PipelineError} `SINK_FAILED` if the registry does not answer.
   */
  async open(): Promise<void> {
    const { topic, schema, order, links } = this.#parts;
    this.#link = new WakePort(
      links.connect(),
      (message) => this.#hear(message as ProducerNotice), // the registry posts nothing else
      () => {
        this.#state = 'lost';
        this.#waiters.changed();
      },
    );
    this.#link.post({ type: 'produce', topic, schema, order } satisfies TopicRequest);
    await this.#waiters.until(() => this.#state !== 'asked' || this.#refusal !== undefined, OPEN_DEADLINE_MS);
    if (this.#refusal) throw this.#refusal;
    if (this.#state === 'started') return;
    throw new PipelineError('SINK_FAILED', `Topic "${topic}": the registry of topics did not answer`);
  }

  /**
   * Gives a batch to all consumers, and takes its ownership. Waits for those alone that asked for it.
   *
   * @throws {PipelineError} `FENCED` if the fence is not that of the topic's producer, or the registry has let go of it
   *   since: its job has ended. `TOPIC_BLOCKED` if a consumer holds it up for too long.
   */
  publish(batch: Batch, fence: TopicFence): Promise<void> | void {
    if (this.#isLost || fence.epoch !== this.fence.epoch || fence.owner !== this.fence.owner) {
      batch.release();
      throw topicFenced(this.#parts.topic, fence.owner);
    }
    if (this.#isReady && !this.#blocking) this.#give(batch);
    else return this.#giveOnceReady(batch);
  }

  /**
   * Sees to it that all rows are in the rings; behind the last row, tells of the end as well. A consumer that
   * does not take them in time is cut off; one that asked to be waited for fails it.
   *
   * @throws {PipelineError} `TOPIC_BLOCKED`; `FENCED` if the registry has let go of it.
   */
  async flush(): Promise<void> {
    const how = this.#end;
    if (how === undefined) return;
    this.#expectHeld();
    await this.#becomeReady(); // of a stream without rows, consumers learn the end
    for (const outlet of this.#outlets) outlet.end(how);
    const { blockDeadlineMs, topic, log } = this.#parts;
    const areOver = () => this.#isLost || this.#outlets.every(({ isOver }) => isOver);
    while (!areOver()) {
      // Whoever is slow and goes on taking rows is waited for. The ring wakes its writer only once half of it is
      // free, so a consumer that takes less by the deadline shows it by its count alone.
      const before = new Map(this.#outlets.map((outlet) => [outlet, outlet.taken]));
      const goesOn = () => areOver() || this.#outlets.some((outlet) => outlet.taken !== before.get(outlet));
      if (!(await this.#waiters.until(goesOn, blockDeadlineMs))) break;
    }
    this.#expectHeld();
    for (const outlet of this.#outlets.filter(({ isOver }) => !isOver)) {
      if (outlet.settings.overflow === 'block') throw this.#blockedBy(outlet);
      const { title: consumer, rowsWaiting } = outlet;
      log.warn(
        { topic, consumer, rowsWaiting },
        'the topic has ended, and a consumer did not take its last rows',
      );
      outlet.cutOff('end');
    }
  }

  /**
   * Tells consumers that the rows go on with the next producer, once all rows are in their rings.
   *
   * @throws {PipelineError} As `flush`.
   */
  suspend(): Promise<void> {
    this.#end ??= 'suspended';
    return this.flush();
  }

  /** Frees everything. Consumers that have not had the end take it for the loss of the producer. */
  close(): void {
    this.#isClosed = true;
    for (const outlet of this.#outlets) outlet.close();
    this.#outlets = [];
    this.#link?.close();
  }

  health(): StageHealth {
    const slow = this.#outlets.find(({ rowsWaiting, rowsLeftOut }) => rowsWaiting > 0 && rowsLeftOut > 0);
    if (!slow) return { status: 'ok' };
    return {
      status: 'degraded',
      reason: `${slow.title} is too slow: ${slow.rowsLeftOut} rows were left out for it, and more wait`,
    };
  }

  statistics(): StageStatistics {
    const sum = (of: (outlet: TopicOutlet) => number) =>
      this.#outlets.reduce((total, outlet) => total + of(outlet), 0);
    return {
      consumers: this.#outlets.length,
      rowsProduced: this.#rows,
      rowsUnheard: this.#rowsUnheard,
      rowsLeftOutOfConsumers: this.#rowsLeftOut + sum(({ rowsLeftOut }) => rowsLeftOut),
      rowsWaitingForConsumers: sum(({ rowsWaiting }) => rowsWaiting),
      bytesInRings: sum(({ bytesInRing }) => bytesInRing),
    };
  }

  /** Whether the registry has let go of it. */
  get #isLost(): boolean {
    return this.#state === 'lost';
  }

  #expectHeld(): void {
    if (this.#isLost) throw topicFenced(this.#parts.topic, this.#parts.title);
  }

  get #blocking(): TopicOutlet | undefined {
    return this.#outlets.find(({ settings, hasRoom }) => settings.overflow === 'block' && !hasRoom);
  }

  async #giveOnceReady(batch: Batch): Promise<void> {
    try {
      await this.#becomeReady();
      for (let slow = this.#blocking; slow; slow = this.#blocking) await this.#roomIn(slow);
    } catch (error) {
      batch.release();
      throw error;
    }
    this.#give(batch);
  }

  /** Waits until a consumer has room or has gone, as long as it takes something by each deadline. */
  async #roomIn(outlet: TopicOutlet): Promise<void> {
    const { blockDeadlineMs, stopping } = this.#parts;
    const hasRoom = () => this.#isLost || outlet.isGone || outlet.hasRoom;
    for (let before = outlet.taken; ; before = outlet.taken) {
      if (await this.#waiters.until(hasRoom, blockDeadlineMs)) {
        this.#expectHeld(); // not only before the wait: the next producer may have begun meanwhile
        return;
      }
      if (stopping?.aborted || outlet.taken === before) throw this.#blockedBy(outlet);
    }
  }

  async #becomeReady(): Promise<void> {
    if (this.#isReady) return;
    const { topic, log, consumersDeadlineMs } = this.#parts;
    const isReady = await this.#waiters.until(() => this.#isReady || this.#isLost, consumersDeadlineMs);
    this.#expectHeld();
    if (!isReady)
      log.warn({ topic, consumersDeadlineMs }, 'rows begin, though not all consumers have joined');
    this.#isReady = true;
  }

  #give(batch: Batch): void {
    const outlets = this.#outlets;
    const end = batch.controls.find(({ record }) => record.type === 'end')?.record;
    // Not before its rows are given: whoever joins meanwhile would have the end first, and none of them.
    if (end?.type === 'end') this.#end = end.how;
    this.#span.add(batch);
    this.#rows += batch.length;
    if (outlets.length === 0) {
      this.#rowsUnheard += batch.length;
      batch.release();
      return;
    }
    const shares = shareBatch(batch, outlets.length);
    outlets.forEach((outlet, i) => {
      outlet.write(shares[i]!);
    });
  }

  #hear(notice: ProducerNotice): void {
    if (this.#isClosed) {
      if (notice.type === 'consumer') notice.port.close();
      return;
    }
    if (notice.type === 'started') {
      this.#state = 'started';
      this.#fence = { epoch: notice.epoch, owner: this.#parts.title };
    } else if (notice.type === 'refused') this.#refusal = new RemoteError(notice.error);
    else if (notice.type === 'ready') this.#isReady = true;
    else this.#join(notice);
    this.#waiters.changed();
  }

  #join({ title, settings, ring, port }: Extract<ProducerNotice, { type: 'consumer' }>): void {
    const { schema, dictionaries, log } = this.#parts;
    const outlet: TopicOutlet = new TopicOutlet({
      title,
      settings,
      ring,
      port,
      schema,
      dictionaries,
      log,
      onChange: () => {
        if (outlet.isGone) this.#drop(outlet);
        this.#waiters.changed();
      },
    });
    this.#outlets.push(outlet);
    const { least, greatest } = this.#span;
    if (least !== undefined && greatest !== undefined) {
      const reason = `joined late: the first ${this.#rows} rows of the topic are not here`;
      outlet.tell({ type: 'gap', from: least, to: (greatest + 1n) as Nanos, reason });
    }
    if (this.#end !== undefined) outlet.end(this.#end);
  }

  #drop(outlet: TopicOutlet): void {
    this.#outlets = this.#outlets.filter((each) => each !== outlet);
    this.#rowsLeftOut += outlet.rowsLeftOut;
  }

  #blockedBy({ title }: TopicOutlet): PipelineError {
    const { topic, title: own, blockDeadlineMs, stopping } = this.#parts;
    if (stopping?.aborted) {
      return new PipelineError(
        'SINK_FAILED',
        `Topic "${topic}": ${own} was stopped while it waited for ${title}`,
        {
          cause: stopping.reason,
        },
      );
    }
    return topicBlocked(topic, own, title, blockDeadlineMs);
  }
}

/** The registry answers at once, unless its thread is blocked. */
const OPEN_DEADLINE_MS = 60_000;
