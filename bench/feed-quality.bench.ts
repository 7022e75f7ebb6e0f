// Question: what do the checks of a stream cost, on top of writing its rows?
//
// Read the ratios: all of it runs in one process, by turns. Rows are whole and in order, as nearly all are.
import { DictionarySet } from '../src/columns/dictionary.js';
import { columnIndex } from '../src/columns/schema.js';
import { systemClock } from '../src/core/clock.js';
import { DeliveredRows } from '../src/engine/delivered-rows.js';
import { FeedBuffer } from '../src/providers/adapter/feed-buffer.js';
import { FeedWriter } from '../src/providers/adapter/feed-writer.js';
import { SilenceGuard } from '../src/providers/adapter/silence-guard.js';
import { feedSchema } from '../src/providers/contract/feed-schema.js';
import { LatencyMeter } from '../src/providers/quality/latency-meter.js';
import { OrderCount } from '../src/providers/quality/order-count.js';
import { SequenceCheck } from '../src/providers/quality/sequence-check.js';
import { silentLogger } from '../src/telemetry/logger.js';
import type { SequenceNumbers } from '../src/wire/provider-capabilities.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { measureRates } from './support/measure.js';

const ROWS = 2_000_000;
const QUICK_ROWS = 100_000;
const BATCH_ROWS = 1_024;
const SYMBOLS = 64;
const START_MS = 1_700_000_000_000;
const BY_ONE: SequenceNumbers = { space: 'bench', scope: 'symbol', step: 'one' };

export default async function benchFeedQuality(context: BenchContext): Promise<BenchResult[]> {
  const rows = context.quick ? QUICK_ROWS : ROWS;
  const way = (name: string, checks: readonly Check[]) => ({
    name,
    ours: true,
    count: rows,
    run: () => passRows(rows, checks),
  });
  return measureRates(
    'rows',
    [
      way('written and taken', []),
      way('and numbers, each one more', ['numbers']),
      way('and numbers, growing', ['growing numbers']),
      way('and order by time', ['order']),
      way('and silence', ['silence']),
      way('and latency', ['latency']),
      way('and the last rows for a backfill', ['delivered']),
      way('and all of it', ['numbers', 'silence', 'latency', 'delivered']),
    ],
    context,
  );
}

type Check = 'numbers' | 'growing numbers' | 'order' | 'silence' | 'latency' | 'delivered';

function passRows(rows: number, checks: readonly Check[]): void {
  const dictionaries = new DictionarySet();
  const schema = feedSchema('trades', { columns: ['size', 'side'], sequence: BY_ONE });
  const meter = new LatencyMeter();
  const buffer = new FeedBuffer({
    schema,
    batchRows: BATCH_ROWS,
    dictionaries,
    clock: systemClock,
    ...(checks.includes('latency') && { onLag: (lagMs) => meter.add(systemClock.now(), lagMs) }),
  });
  const writer = new FeedWriter(buffer);
  const names = Array.from({ length: SYMBOLS }, (_, i) => `SYMBOL-${i}`);
  const ids = names.map((name) => writer.symbolId(name));
  const symbols = dictionaries.get('symbol');
  const numbers = new SequenceCheck(schema, BY_ONE, symbols);
  const growing = new SequenceCheck(schema, { ...BY_ONE, step: 'up' }, symbols);
  const order = new OrderCount(schema, symbols);
  const delivered = new DeliveredRows(schema, SYMBOLS);
  delivered.bind(ids);
  const guard = new SilenceGuard({
    schema,
    symbols: names,
    clock: systemClock,
    log: silentLogger,
    afterMs: 30_000,
    switchShare: 1,
    hasUnseen: () => false,
    showUnseen() {},
    earliestAt: (host) => host,
    rowsDropped: () => 0,
    tell() {},
    resubscribe() {},
    onSilent() {},
  });
  guard.start(ids, undefined);
  const last = new Float64Array(SYMBOLS);
  const numberAt = columnIndex(schema, 'sequence');
  if (numberAt < 0) throw new Error('expected rows with numbers');
  let at = 0;
  for (let batch = 0; batch < rows / BATCH_ROWS; batch++) {
    for (let i = 0; i < BATCH_ROWS; i++) {
      const symbol = (i * 7) % SYMBOLS;
      last[symbol]!++;
      writer.trade(ids[symbol]!, START_MS + at++, 0, 100 + i / 100, i % 7, 1, last[symbol]);
    }
    const taken = buffer.take();
    if (taken?.length !== BATCH_ROWS) throw new Error(`found ${taken?.length} rows`);
    if (checks.includes('silence')) guard.see(taken);
    if (checks.includes('numbers')) numbers.check(taken);
    if (checks.includes('growing numbers')) growing.check(taken);
    if (checks.includes('order')) order.check(taken);
    if (checks.includes('delivered')) {
      delivered.pass(taken, 0, taken.length);
      delivered.snapshot();
    }
    if (taken.length !== BATCH_ROWS) throw new Error('a row was dropped');
    taken.release();
  }
  guard.stop();
  buffer.release();
}
