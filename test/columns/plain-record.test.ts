import { describe, expect, it } from 'vitest';
import type { ControlRecord } from '../../src/columns/control-record.js';
import { plainRecord, recordOf } from '../../src/columns/plain-record.js';
import { nanos } from '../../src/core/units.js';

const [from, to] = [nanos(1n), nanos(2n ** 62n)];

describe('a record as plain data', () => {
  it.each<ControlRecord>([
    { type: 'gap', from, to, symbol: 'BTC', reason: 'sequence' },
    { type: 'backfilled', from, to, symbol: 'BTC', rows: 12 },
    { type: 'stale', since: from },
    { type: 'switched', at: to, since: from, from: '1', to: '2', reason: 'error', seam: 'exact' },
    { type: 'reset', at: from, reason: 'again' },
    { type: 'watermark', at: to },
    { type: 'end', how: 'drained' },
  ])('is the same again: $type', (record) => {
    const plain = JSON.parse(JSON.stringify(plainRecord(record)));
    expect(recordOf(plain)).toEqual(record);
  });
});
