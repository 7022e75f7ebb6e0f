/** What the stages of topics and the registry of topics say to each other: plain data and ports. */
import type { MessagePort } from 'node:worker_threads';
import type { EventOrder } from '../columns/event-order.js';
import type { Schema } from '../columns/schema.js';
import type { WireError } from '../core/errors.js';
import type { OverflowPolicy } from '../settings/overflow-policy.js';
import type { RingHandle } from '../shared-memory/ring-memory.js';

/** How rows wait for a consumer. */
export interface ConsumerSettings {
  /** What becomes of rows for which there is no room; `undefined`: by what they are. */
  readonly overflow: OverflowPolicy | undefined;
  /** Rows, and bytes of their columns, that may wait where they are made, beside those in the ring. */
  readonly rows: number;
  readonly bytes: number;
  /** Bytes of the ring: a power of two. */
  readonly ringBytes: number;
}

/** The same, once the rows are known. */
export type JoinedSettings = ConsumerSettings & { readonly overflow: OverflowPolicy };

/** From a stage to the registry, over a port of its own. Its close is the end of the stage. */
export type TopicRequest =
  | {
      readonly type: 'produce';
      readonly topic: string;
      readonly schema: Schema;
      readonly order: EventOrder;
    }
  | {
      readonly type: 'consume';
      readonly topic: string;
      readonly schema: Schema | undefined;
      /** How far its rows may be out of order, in ns; `undefined`: as far as they are. */
      readonly maxDelayNs: number | undefined;
      readonly settings: ConsumerSettings;
    };

/** From the registry to who produces a topic. */
export type ProducerNotice =
  | { readonly type: 'started'; readonly epoch: number }
  | { readonly type: 'refused'; readonly error: WireError }
  /** All jobs that were to consume the topic have joined, or have ended. */
  | { readonly type: 'ready' }
  | {
      readonly type: 'consumer';
      /** For messages: `job "bars"`. */
      readonly title: string;
      readonly settings: JoinedSettings;
      readonly ring: RingHandle;
      /** Wakes the other end, in both directions. */
      readonly port: MessagePort;
    };

/** From the registry to who consumes a topic. */
export type ConsumerNotice =
  | { readonly type: 'refused'; readonly error: WireError }
  /** Those that were to produce the topic have ended before this consumer could join one of them. */
  | { readonly type: 'absent'; readonly title: string }
  | {
      readonly type: 'ring';
      /** Grows with each producer of the topic. */
      readonly epoch: number;
      readonly title: string;
      readonly schema: Schema;
      readonly order: EventOrder;
      readonly ring: RingHandle;
      readonly port: MessagePort;
    };

/** The way of a thread to the registry of topics. */
export interface TopicLinks {
  /** Returns a port to the registry for one stage, which closes it. */
  connect(): MessagePort;
}
