import { PipelineError } from '../core/errors.js';
import type { CutOff } from './row-frames.js';

/** A topic has one producer at a time. */
export const topicTaken = (topic: string, holder: string, other: string): PipelineError =>
  new PipelineError(
    'TOPIC_TAKEN',
    `Topic "${topic}" has a producer, ${holder}: ${other} cannot produce it at the same time. ` +
      'Give it another topic, or wait until the other one has ended',
  );

/** Who is no longer, or not yet, the producer. */
export const topicFenced = (topic: string, owner: string): PipelineError =>
  new PipelineError(
    'FENCED',
    `Topic "${topic}": expected rows of its producer, found those of ${owner}, which has ended or was followed by another one`,
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

/** The consumer was too slow. */
export const topicOverflowed = (topic: string, producer: string, why: CutOff): PipelineError =>
  new PipelineError('QUEUE_FULL', `Topic "${topic}": ${CUT_OFF_TEXTS[why](producer)}`, { retryable: true });

const CUT_OFF_TEXTS: Readonly<Record<CutOff, (producer: string) => string>> = {
  full: (producer) =>
    `${producer} makes rows faster than they are taken here, and there is no room for more: raise "rows" and ` +
    '"bytes", choose another "overflow", or make what follows faster',
  memory: (producer) =>
    `${producer} has no memory for more rows that wait to be taken here: raise its "maxMemoryMb", lower "rows" ` +
    'and "bytes" here, or make what follows faster',
  end: (producer) =>
    `${producer} has ended, and its last rows were not taken here within its "blockDeadline": raise that one, or ` +
    'make what follows faster',
};
