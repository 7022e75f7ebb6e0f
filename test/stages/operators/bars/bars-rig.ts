import type { z } from 'zod';
import type { Batch } from '../../../../src/columns/batch.js';
import type { ControlRecord, PlacedControl } from '../../../../src/columns/control-record.js';
import type { Row } from '../../../../src/columns/row-view.js';
import type { Schema } from '../../../../src/columns/schema.js';
import { nanos } from '../../../../src/core/units.js';
import { barsOperator } from '../../../../src/stages/operators/bars/bars.js';
import { BarsOptions } from '../../../../src/stages/operators/bars/options.js';
import { batchOf, streamOf } from '../../../support/batch-rows.js';
import { stageContext } from '../../../support/stage-context.js';

export const SECOND = 1_000_000_000n;
export const trades: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string', nullable: true },
    { name: 'price', type: 'float64', nullable: true },
    { name: 'size', type: 'float64', nullable: true },
  ],
};

export type Item = Row | ControlRecord;
export const isRecord = (item: Item): item is ControlRecord => 'type' in item;
export type Options = Omit<z.input<typeof BarsOptions>, 'every'> & { every?: string };

/** A trade, its time in seconds. */
export function trade(
  seconds: number,
  price: number | null = 100,
  size: number | null = 1,
  symbol = 'A',
): Row {
  return { time: BigInt(Math.round(seconds * 1e9)), symbol, price, size };
}
export const at = (seconds: number) => nanos(BigInt(Math.round(seconds * 1e9)));
export const gap = (from: number, to: number, symbol?: string): ControlRecord => ({
  type: 'gap',
  from: at(from),
  to: at(to),
  reason: 'test',
  ...(symbol !== undefined && { symbol }),
});
export const stale = (since: number, symbol?: string): ControlRecord => ({
  type: 'stale',
  since: at(since),
  ...(symbol !== undefined && { symbol }),
});

/** Symbols get their ids in order of appearance, in rows or records: here they all have one. */
export function contextWithIds(overrides = {}) {
  const context = stageContext(overrides);
  for (const symbol of 'ABCDE') context.dictionaries.get('symbol').idOf(symbol);
  return context;
}

export function openBars(options: Options = {}, context = contextWithIds(), schema = trades) {
  const operator = barsOperator.create(BarsOptions.parse({ every: '1s', ...options }), schema, context);
  const out: Batch[] = [];
  const emit = (batch: Batch) => void out.push(batch);
  const emitRest = () => {
    while (operator.hasMore) void operator.emitMore?.(emit);
  };
  return {
    operator,
    context,
    /** Gives it the items as one batch. */
    process(items: readonly Item[]) {
      const rows: Row[] = [];
      const controls: PlacedControl[] = [];
      for (const item of items) {
        if (isRecord(item)) controls.push({ row: rows.length, record: item });
        else rows.push(item);
      }
      const done = operator.process(batchOf(schema, context.dictionaries, rows, { controls }), emit);
      emitRest();
      return done;
    },
    flush() {
      void operator.flush?.(emit);
      emitRest();
    },
    /** What it has emitted since the last look. */
    emitted: () => streamOf(out.splice(0)),
  };
}

/** Bars and records of a whole stream, given in one batch. */
export function barsOf(items: readonly Item[], options: Options = {}): Item[] {
  const bars = openBars(options);
  void bars.process(items);
  bars.flush();
  return bars.emitted();
}

/** Bars in short: begin in seconds, symbol, count and mark. */
export const inShort = (items: readonly Item[]): string[] =>
  items.map((item) =>
    isRecord(item) ? item.type : `${Number(item.time) / 1e9} ${item.symbol} ${item.count} ${item.mark}`,
  );
