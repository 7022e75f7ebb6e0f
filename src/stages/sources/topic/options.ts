import { z } from 'zod';
import type { Schema } from '../../../columns/schema.js';
import { durationNs } from '../../../settings/duration.js';
import { OVERFLOW_POLICIES } from '../../../settings/overflow-policy.js';
import { TopicName } from '../../../settings/topic-name.js';

const columns = 'expected a list of 1 to 1000 columns';
const columnName = 'expected the name of a column';
const rows = 'expected 1 to 100000000 rows';
const bytes = 'expected 1024 to 68719476736 bytes';
const ringBytes = 'expected a power of two, 16384 to 268435456';
const policy = 'expected block, conflate, drop-oldest, drop-newest or fail';

const TYPES = ['timestamp', 'int64', 'float64', 'int32', 'string', 'enum', 'boolean'] as const;

const ColumnOption = z
  .strictObject({
    name: z.string(columnName).min(1, columnName).max(200, columnName).describe('Name of the column'),
    type: z.enum(TYPES, `expected one of ${TYPES.join(', ')}`).describe('What it holds'),
    values: z
      .array(z.string('expected a text'), 'expected a list of texts')
      .min(1, 'expected at least one value')
      .max(256, 'expected at most 256 values')
      .optional()
      .describe('Of an `enum`: the values that it may have'),
    nullable: z
      .boolean('expected true or false')
      .optional()
      .describe('Whether a row may have no value in it'),
  })
  .refine(({ type, values }) => (type === 'enum') === (values !== undefined), {
    error: 'expected "values" for an enum, and for nothing else',
    path: ['values'],
  });

/** Options of the source `topic`. */
export const TopicSourceOptions = z.strictObject({
  topic: TopicName.describe('Name of the topic: that of the sink `topic` of another pipeline of the runtime'),
  overflow: z
    .enum(OVERFLOW_POLICIES, policy)
    .optional()
    .describe(
      'What happens to rows that find no room, since they are taken too slowly. `conflate`: only the last row of each symbol ' +
        'stays. `drop-oldest`, `drop-newest`: these rows are dropped, and a `gap` tells of them in the stream. `block`: ' +
        'the producer waits, and all its consumers with it. `fail`: this job fails. Default: `conflate` for quotes, ' +
        '`drop-oldest` for all others',
    ),
  rows: z
    .int(rows)
    .min(1, rows)
    .max(100_000_000, rows)
    .default(262_144)
    .describe('Rows that may wait in the memory of the producer once the ring is full'),
  bytes: z
    .int(bytes)
    .min(1_024, bytes)
    .max(68_719_476_736, bytes)
    .default(33_554_432)
    .describe('Bytes that the columns of these rows may take'),
  ringBytes: z
    .int(ringBytes)
    .min(16_384, ringBytes)
    .max(268_435_456, ringBytes)
    .refine((size) => size < 16_384 || Number.isInteger(Math.log2(size)), ringBytes)
    .default(1_048_576)
    .describe(
      'Bytes of the ring through which the rows come: shared memory, counted for this job. More, if rows are so wide that only a few would fit',
    ),
  producerEnds: z
    .enum(['end', 'wait'], 'expected end or wait')
    .default('end')
    .describe('At the end of the producer: `end` this stream too, or `wait` for the next producer'),
  producerLost: z
    .enum(['fail', 'wait'], 'expected fail or wait')
    .default('fail')
    .describe(
      'If the producer fails, or loses its thread: `fail` as well, once all of its rows have been read, or tell of it in the ' +
        'stream and `wait` for the next producer',
    ),
  maxDelay: durationNs({ min: '0s', max: '1d' })
    .prefault('0s')
    .describe('How late the rows of a symbol may come. At least that of the producer'),
  kind: z
    .enum(['quote', 'trade', 'bar', 'book', 'custom'], 'expected quote, trade, bar, book or custom')
    .optional()
    .describe('What a row is, where `columns` are given. Default: `custom`'),
  columns: z
    .array(ColumnOption, columns)
    .min(1, columns)
    .max(1_000, columns)
    .optional()
    .describe(
      'The columns of the rows. Needed only for a topic whose producer is not known yet when this spec is checked: one that ' +
        'is neither in the same `run` nor submitted before',
    ),
});
export type TopicSourceOptions = z.output<typeof TopicSourceOptions> & {
  /** The columns of the rows, once they are planned. */
  readonly schema?: Schema;
};
