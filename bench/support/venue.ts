import type { Batch } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { writeEpochMillis } from '../../src/columns/int64.js';
import { type Schema, STANDARD_COLUMNS } from '../../src/columns/schema.js';
import type { SourceFactory } from '../../src/engine/factories.js';

const TRADES: Schema = { kind: 'trade', columns: STANDARD_COLUMNS.trade.required };
const BATCH_ROWS = 2_000;
/** Rows that the venue keeps for a reader that is behind; it drops what is more. */
const KEPT_ROWS = 20_000;

export interface Venue {
  readonly source: SourceFactory<unknown>;
  /** Trades that it has sent, and of these, those that nobody read in time. */
  readonly told: { sent: number; lost: number };
}

/** A venue that sends trades at a rate by the clock, whether somebody reads them or not. */
export function venue({ rowsPerSecond, rows }: { rowsPerSecond: number; rows: number }): Venue {
  const told = { sent: 0, lost: 0 };
  const source: SourceFactory<unknown> = {
    plan: () => TRADES,
    create(_options, { dictionaries }) {
      const pool = new BatchPool(TRADES, BATCH_ROWS, dictionaries, 64);
      const symbol = dictionaries.get('symbol').idOf('A');
      let began: number | undefined;
      let read = 0;
      let isStopped = false;
      const arrive = (): void => {
        began ??= performance.now();
        const due = Math.min(rows, Math.floor(((performance.now() - began) * rowsPerSecond) / 1_000));
        const excess = due - read - told.lost - KEPT_ROWS;
        if (excess > 0) told.lost += excess;
        told.sent = due;
      };
      const next = (): Batch | undefined => {
        arrive();
        const count = Math.min(BATCH_ROWS, told.sent - told.lost - read);
        if (count < BATCH_ROWS && told.sent < rows) return undefined;
        const batch = pool.acquire();
        batch.length = count;
        const [time, price, symbols] = [batch.int32('time'), batch.float64('price'), batch.int32('symbol')];
        const nowMs = Date.now();
        for (let row = 0; row < count; row++) {
          writeEpochMillis(time, row, nowMs);
          price[row] = read + row;
          symbols[row] = symbol;
        }
        read += count;
        return batch;
      };
      return {
        schema: TRADES,
        capabilities: { delivery: 'live-only', bounded: true },
        async read() {
          for (;;) {
            if (isStopped || (told.sent === rows && read + told.lost === rows)) return null;
            const batch = next();
            if (batch) return batch;
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
        },
        stop() {
          isStopped = true;
        },
        position: () => null,
        resume() {},
      };
    },
  };
  return { source, told };
}
