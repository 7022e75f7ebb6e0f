import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { PipelineError } from '../core/errors.js';
import { createRing } from '../shared-memory/ring-memory.js';
import type { TopicsOfJob } from '../wire/stages-of-spec.js';
import type { ConsumerNotice, ProducerNotice, TopicRequest } from '../wire/topic-messages.js';
import { defaultOverflow, problemOfOverflow } from './default-overflow.js';
import { ringBytesFor } from './row-frames.js';
import { schemaDifference } from './schema-difference.js';
import { topicMismatch, topicTaken } from './topic-errors.js';
import { topicLevels } from './topic-levels.js';
import { WakePort } from './wake-port.js';

interface Member {
  /** For messages: `job "bars"`. */
  readonly title: string;
  /** The job that it belongs to; `undefined`: somebody in the thread of the registry. */
  readonly job: string | undefined;
  readonly port: WakePort;
  leave(): void;
}

interface Producer extends Member {
  readonly schema: Schema;
  readonly order: EventOrder;
}

interface Consumer extends Member {
  readonly request: Extract<TopicRequest, { type: 'consume' }>;
  /** Whether it has had a producer. */
  hasJoined: boolean;
}

interface Topic {
  readonly name: string;
  producer: Producer | undefined;
  epoch: number;
  readonly consumers: Set<Consumer>;
}

interface Job {
  readonly title: string;
  readonly topics: TopicsOfJob;
  /** Of its topics, those that none of its stages has joined yet: as often as stages name them. */
  readonly toProduce: string[];
  readonly toConsume: string[];
  readonly members: Set<Member>;
  /** By topic that it consumes and that has had no producer since: whose job was to produce it and ended last. */
  readonly ended: Map<string, string>;
  link: WakePort | undefined;
}

/** What is known of a topic. Plain data. */
export interface TopicInfo {
  readonly name: string;
  /** Who makes its rows now. */
  readonly producer: string | undefined;
  readonly consumers: readonly string[];
  /** How many producers it has had, one after the other, since it last had neither producer nor consumer. */
  readonly epoch: number;
}

/**
 * Knows all topics of a runtime, and brings producers and consumers together: it makes a ring for each pair,
 * and gives each of them its end. Rows do not pass through its thread. In one thread alone.
 */
export class TopicRegistry {
  readonly #topics = new Map<string, Topic>();
  readonly #jobs = new Map<string, Job>();
  /** Of members that belong to no job. */
  readonly #others = new Set<Member>();

  /** The columns of topics, as far as jobs that have not ended produce them. */
  get schemas(): Readonly<Record<string, Schema>> {
    const schemas: Record<string, Schema> = {};
    for (const { topics } of this.#jobs.values()) {
      for (const { topic, schema } of topics.produces) schemas[topic] = schema;
    }
    return schemas;
  }

  list(): readonly TopicInfo[] {
    return [...this.#topics.values()].map(({ name, producer, consumers, epoch }) => ({
      name,
      producer: producer?.title,
      consumers: [...consumers].map(({ title }) => title),
      epoch,
    }));
  }

  /**
   * Tells of a job before it is started: rows of its topics wait for it, or it waits for them.
   *
   * @param id - Unique among all jobs.
   */
  add(id: string, name: string, topics: TopicsOfJob): void {
    this.#jobs.set(id, {
      title: `job "${name}"`,
      topics,
      toProduce: topics.produces.map(({ topic }) => topic),
      toConsume: [...topics.consumes],
      members: new Set(),
      ended: new Map(),
      link: undefined,
    });
  }

  /** Divides jobs into levels: those that produce a topic come in an earlier one than its consumers. */
  levels<T extends { readonly id: string }>(jobs: readonly T[]): T[][] {
    return topicLevels(jobs, ({ id }) => {
      const topics = this.#jobs.get(id)?.topics;
      return topics && { ...topics, produces: topics.produces.map(({ topic }) => topic) };
    });
  }

  /** Returns the way of the job's thread to this registry: `topicLinks`. */
  linkOf(id: string): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const job = this.#jobs.get(id);
    const take = (port: unknown) => this.#attach(port as MessagePort, job?.title ?? id, id);
    const link = new WakePort(port1, take, () => {});
    if (job) job.link = link;
    else link.close();
    return port2;
  }

  /** A run of a job has ended, and another one follows: rows of its topics wait for it as before its first run. */
  expectAgain(id: string): void {
    const job = this.#jobs.get(id);
    if (!job) return;
    job.link?.close();
    job.link = undefined;
    for (const member of [...job.members]) member.leave();
    job.toProduce.splice(0, Number.POSITIVE_INFINITY, ...job.topics.produces.map(({ topic }) => topic));
    job.toConsume.splice(0, Number.POSITIVE_INFINITY, ...job.topics.consumes);
  }

  /** Lets go of a job that has ended, or whose thread was lost, at any moment. */
  remove(id: string): void {
    const job = this.#jobs.get(id);
    if (!job) return;
    this.#jobs.delete(id);
    job.link?.close();
    for (const member of [...job.members]) member.leave();
    const produced = new Set(job.topics.produces.map(({ topic }) => topic));
    for (const topic of produced) this.#rememberEnd(topic, job.title);
    for (const topic of new Set([...produced, ...job.toConsume])) this.#expectLess(topic, job.title);
  }

  /** Returns a port for a member in this thread. */
  connect(title: string): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#attach(port1, title, undefined);
    return port2;
  }

  /** Ends all connections. */
  close(): void {
    for (const id of [...this.#jobs.keys()]) this.remove(id);
    for (const member of [...this.#others]) member.leave();
  }

  #attach(port: MessagePort, title: string, job: string | undefined): void {
    let member: Member | undefined;
    const isKnown = () => job === undefined || this.#jobs.has(job);
    const link = new WakePort(
      port,
      (message) => {
        if (!isKnown()) return link.close(); // its thread could not be ended with the job
        const request = message as TopicRequest; // stages post nothing else
        const asked = { title, job, port: link };
        member = request.type === 'produce' ? this.#produce(asked, request) : this.#consume(asked, request);
        if (member) this.#membersOf(job)?.add(member);
      },
      () => member?.leave(),
    );
    if (!isKnown()) link.close();
  }

  #produce(
    asked: Omit<Member, 'leave'>,
    { topic: name, schema, order }: Extract<TopicRequest, { type: 'produce' }>,
  ): Producer | undefined {
    const topic = this.#topic(name);
    if (topic.producer) {
      refuse(asked.port, topicTaken(name, topic.producer.title, asked.title));
      return undefined;
    }
    const leave = () => {
      asked.port.close();
      this.#membersOf(asked.job)?.delete(producer);
      if (topic.producer === producer) topic.producer = undefined;
      this.#forget(topic);
    };
    const producer: Producer = { ...asked, schema, order, leave };
    topic.producer = producer;
    topic.epoch++;
    this.#forgetEnd(name);
    this.#joined(asked.job, 'toProduce', name);
    post(asked.port, { type: 'started', epoch: topic.epoch });
    for (const consumer of [...topic.consumers]) this.#bringTogether(topic, producer, consumer);
    if (!this.#isExpected('toConsume', name)) post(asked.port, { type: 'ready' });
    return producer;
  }

  #consume(asked: Omit<Member, 'leave'>, request: Extract<TopicRequest, { type: 'consume' }>): Consumer {
    const topic = this.#topic(request.topic);
    const leave = () => {
      asked.port.close();
      this.#membersOf(asked.job)?.delete(consumer);
      topic.consumers.delete(consumer);
      this.#forget(topic);
    };
    const consumer: Consumer = { ...asked, request, hasJoined: false, leave };
    topic.consumers.add(consumer);
    if (topic.producer) this.#bringTogether(topic, topic.producer, consumer);
    else if (!this.#isExpected('toProduce', topic.name)) this.#tellEnd(topic.name, consumer);
    this.#joined(asked.job, 'toConsume', topic.name);
    if (topic.producer && !this.#isExpected('toConsume', topic.name)) {
      post(topic.producer.port, { type: 'ready' });
    }
    return consumer;
  }

  #bringTogether(topic: Topic, producer: Producer, consumer: Consumer): void {
    const problem = problemOf(producer, consumer.request);
    if (problem !== undefined) {
      refuse(
        consumer.port,
        topicMismatch(topic.name, `${consumer.title} cannot read what ${producer.title} makes: ${problem}`),
      );
      topic.consumers.delete(consumer);
      return;
    }
    consumer.hasJoined = true;
    const { title, schema, order } = producer;
    const { overflow = defaultOverflow(schema) } = consumer.request.settings;
    const settings = { ...consumer.request.settings, overflow };
    const ring = createRing(ringBytesFor(schema, settings.ringBytes));
    const { port1, port2 } = new MessageChannel();
    const { epoch } = topic;
    post(producer.port, { type: 'consumer', title: consumer.title, settings, ring, port: port1 }, port1);
    post(consumer.port, { type: 'ring', epoch, title, schema, order, ring, port: port2 }, port2);
  }

  /** A job is waited for no longer. */
  #joined(id: string | undefined, what: 'toProduce' | 'toConsume', topic: string): void {
    const list = id === undefined ? undefined : this.#jobs.get(id)?.[what];
    const at = list?.indexOf(topic) ?? -1;
    if (at >= 0) list?.splice(at, 1);
  }

  /** Whether a job that has not ended was to join a topic and has not. */
  #isExpected(what: 'toProduce' | 'toConsume', topic: string): boolean {
    return [...this.#jobs.values()].some((job) => job[what].includes(topic));
  }

  /** A producer has ended: jobs that join later, or again after a restart, learn it when they do. */
  #rememberEnd(topic: string, title: string): void {
    for (const { topics, ended } of this.#jobs.values())
      if (topics.consumes.includes(topic)) ended.set(topic, title);
  }

  #forgetEnd(topic: string): void {
    for (const { ended } of this.#jobs.values()) ended.delete(topic);
  }

  #tellEnd(topic: string, { job, port }: Consumer): void {
    const title = job === undefined ? undefined : this.#jobs.get(job)?.ended.get(topic);
    if (title !== undefined) post(port, { type: 'absent', title });
  }

  /** A job has ended that was to join a topic, or has produced it. */
  #expectLess(name: string, title: string): void {
    const topic = this.#topics.get(name);
    if (!topic) return;
    const { producer, consumers } = topic;
    if (producer && !this.#isExpected('toConsume', name)) post(producer.port, { type: 'ready' });
    if (producer || this.#isExpected('toProduce', name)) return;
    for (const { port, hasJoined } of consumers) if (!hasJoined) post(port, { type: 'absent', title });
  }

  #membersOf(job: string | undefined): Set<Member> | undefined {
    return job === undefined ? this.#others : this.#jobs.get(job)?.members;
  }

  #topic(name: string): Topic {
    let topic = this.#topics.get(name);
    if (!topic) {
      topic = { name, producer: undefined, epoch: 0, consumers: new Set() };
      this.#topics.set(name, topic);
    }
    return topic;
  }

  #forget(topic: Topic): void {
    if (topic.producer || topic.consumers.size > 0) return;
    // A member that was refused may leave when the topic of that name is another one.
    if (this.#topics.get(topic.name) === topic) this.#topics.delete(topic.name);
  }
}

function problemOf(
  { schema, order }: Producer,
  { schema: read, maxDelayNs, settings }: Extract<TopicRequest, { type: 'consume' }>,
): string | undefined {
  const difference = (read && schemaDifference(schema, read)) ?? problemOfOverflow(settings.overflow, schema);
  if (difference !== undefined || maxDelayNs === undefined || order.maxDelayNs <= maxDelayNs)
    return difference;
  return `its rows may come ${order.maxDelayNs} ns late: give the source \`maxDelay: ${order.maxDelayNs}ns\` or more`;
}

const post = (port: WakePort, notice: ProducerNotice | ConsumerNotice, ...ports: MessagePort[]): void =>
  port.post(notice, ports);

const refuse = (port: WakePort, error: PipelineError): void =>
  post(port, { type: 'refused', error: error.toWire() });
