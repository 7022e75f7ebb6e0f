import { PipelineError } from '../core/errors.js';

/** A topic has one producer at a time. */
export const topicTaken = (topic: string, holder: string, other: string): PipelineError =>
  new PipelineError(
    'TOPIC_TAKEN',
    `Topic "${topic}" has a producer, ${holder}: ${other} cannot produce it at the same time. ` +
      'Give it another topic, or wait until the other one has ended',
  );

export const topicMismatch = (topic: string, what: string): PipelineError =>
  new PipelineError('TOPIC_MISMATCH', `Topic "${topic}": ${what}`);

/** The producer has gone without an end of the stream. */
export const topicLost = (topic: string, how: string): PipelineError =>
  new PipelineError(
    'TOPIC_LOST',
    `Topic "${topic}": ${how}. Rows before that were received; with \`producerLost: wait\`, the source waits ` +
      'for the next producer instead',
    { retryable: true },
  );

export const topicBlocked = (topic: string, producer: string, consumer: string, ms: number): PipelineError =>
  new PipelineError(
    'TOPIC_BLOCKED',
    `Topic "${topic}": ${producer} has waited for room, since ${consumer} has taken no rows for ${ms} ms and asks with ` +
      '`overflow: block` that none be left out: make that one faster, give it another "overflow", or raise ' +
      '"blockDeadline" of the sink',
    { retryable: true },
  );

/** The consumer was too slow, and had asked to fail then. */
export const topicOverflowed = (topic: string, producer: string): PipelineError =>
  new PipelineError(
    'QUEUE_FULL',
    `Topic "${topic}": ${producer} makes rows faster than they are taken here, and there is no room for more: ` +
      'raise "rows" and "bytes", choose another "overflow", or make what follows faster',
    { retryable: true },
  );
