import type { Batch } from '../../../../src/columns/batch.js';
import { DictionarySet } from '../../../../src/columns/dictionary.js';
import type { EventOrder } from '../../../../src/columns/event-order.js';
import type { RowOrigin } from '../../../../src/columns/row-origin.js';
import type { Schema } from '../../../../src/columns/schema.js';
import type { PlainData } from '../../../../src/core/plain-data.js';
import type { Input } from '../../../../src/engine/input.js';
import type { SourceCapabilities } from '../../../../src/engine/source-capabilities.js';
import type { StageContext } from '../../../../src/engine/stage.js';
import { mergeSource } from '../../../../src/stages/sources/merge/merge.js';
import { batchOf, streamOf } from '../../../support/batch-rows.js';
import { isRow, type Stream } from '../../../support/pipeline-rig.js';
import { stageContext } from '../../../support/stage-context.js';

export const ROWS: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
  ],
};
export const SEQUENCES = ['int64', 'int32', 'float64'] as const;

/** Rows with a sequence; without a type, rows without one. */
export const rowsWith = (sequence: (typeof SEQUENCES)[number] | undefined): Schema =>
  sequence ? { ...ROWS, columns: [...ROWS.columns, { name: 'sequence', type: sequence }] } : ROWS;

/** What an input is to read: a list of batches, each of rows and control records. */
export interface Feed {
  readonly batches: readonly Stream[];
  readonly order?: EventOrder;
  readonly delivery?: SourceCapabilities['delivery'];
  /** Whether its reads return promises. */
  readonly isSlow?: boolean;
  readonly capacity?: number;
  /** The origin of each batch. */
  readonly originOf?: (batch: number) => RowOrigin;
}

export const IN_ORDER: EventOrder = { scope: 'all', maxDelayNs: 0 };

/** A merge of inputs that read what they are given, without a pipeline. */
export function mergeOf(
  feeds: readonly Feed[],
  { schema = ROWS, batchRows = 8, rowsMax = 1_000_000, at = [] as readonly number[] } = {},
  more: Partial<StageContext> = {},
) {
  const dictionaries = more.dictionaries ?? new DictionarySet();
  const reads = feeds.map((_, i) => at[i] ?? 0);
  const inputs = Object.fromEntries(
    feeds.map(
      (
        { batches, order = IN_ORDER, delivery = 'replayable', isSlow, capacity, originOf },
        i,
      ): [string, Input] => {
        const next = (): Batch | null => {
          const stream = batches[reads[i]!];
          reads[i]!++;
          if (!stream) return null;
          const controls = stream.flatMap((entry, place) =>
            isRow(entry) ? [] : [{ row: stream.slice(0, place).filter(isRow).length, record: entry }],
          );
          const rows = stream.filter(isRow);
          const batch = batchOf(schema, dictionaries, rows, { controls, ...(capacity && { capacity }) });
          batch.origin = originOf?.(reads[i]! - 1);
          return batch;
        };
        const input: Input = {
          title: `Source "test" (source.sources[${i}])`,
          schema,
          order,
          capabilities: { delivery, bounded: true },
          rowsRejected: 0,
          rowsLeftOut: 0,
          bytesIn: 0,
          heldNs: 0n,
          read: () => (isSlow ? Promise.resolve().then(next) : next()),
        };
        return [`sources[${i}]`, input];
      },
    ),
  );
  const context = stageContext({ dictionaries, batchRows, inputs, ...more });
  const source = mergeSource.create({ sources: [], rowsMax, idle: 10_000_000_000 }, context);
  return { source, context, reads };
}

/** All that a merge gives, as one stream, to its end; or up to a number of reads. */
export async function readAll(
  { source }: Pick<ReturnType<typeof mergeOf>, 'source'>,
  readsMax = Number.POSITIVE_INFINITY,
): Promise<Stream> {
  const stream: Stream = [];
  for (let reads = 0; reads < readsMax; reads++) {
    const batch = await source.read();
    if (!batch) break;
    stream.push(...streamOf([batch]));
  }
  return stream;
}

/** A position, as a checkpoint has it. */
export const saved = (position: PlainData): PlainData => JSON.parse(JSON.stringify(position)) as PlainData;
