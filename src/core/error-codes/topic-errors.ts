import type { ErrorTexts } from './error-text.js';

/** What keeps rows from going from one pipeline to another. */
export const TOPIC_ERRORS = {
  TOPIC_TAKEN: {
    meaning: 'A topic has a producer already.',
    cause:
      'Two jobs with a sink `topic` of the same name run at the same time, or a new start before the old one has ended.',
    remedy:
      'The message names both jobs. Give one of them another topic, or start it once the other one has ended.',
    retryable: 'no',
  },
  TOPIC_MISMATCH: {
    meaning: 'A consumer of a topic cannot read the rows that its producer makes.',
    cause:
      'The `columns` or the `kind` of a source `topic` differ from what its producer makes, or rows may come later than its `maxDelay` allows.',
    remedy:
      'The message says what differs. Leave `columns` out, so that they are taken from the producer, change them, or add `select` to the producer.',
    retryable: 'no',
  },
  TOPIC_BLOCKED: {
    meaning: 'A consumer of a topic took no rows for so long that its producer failed.',
    cause:
      'The consumer asks with `overflow: block` that no row be left out, and is paused, stuck, or slower than the producer for longer than the `blockDeadline` of the sink.',
    remedy:
      'The message names both jobs. Make the consumer faster, give it another `overflow`, or raise `blockDeadline`.',
    retryable: 'yes',
  },
  TOPIC_LOST: {
    meaning: 'The producer of a topic has gone without telling the end of its stream.',
    cause: 'Its job failed, was stopped, or lost its thread. Or it ended before it produced anything.',
    remedy:
      'Look at the error of that job; rows before the loss were received. With `producerLost: wait`, the source tells of the loss in its stream and waits for the next producer.',
    retryable: 'yes',
  },
} as const satisfies ErrorTexts;
