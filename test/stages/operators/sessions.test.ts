import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../src/calendars/built-in-calendars.js';
import type { Batch } from '../../../src/columns/batch.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Schema } from '../../../src/columns/schema.js';
import { type Nanos, nanos } from '../../../src/core/units.js';
import { SessionsOptions } from '../../../src/stages/operators/sessions/options.js';
import { sessionsOperator } from '../../../src/stages/operators/sessions/sessions.js';
import { stageContext } from '../../support/stage-context.js';
import { batchOf, plan, run } from './operator-rig.js';

const TRADE: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
  ],
};

const at = (iso: string, ns = 0n): Nanos => nanos(BigInt(Date.parse(iso)) * 1_000_000n + ns);

/** The times that are left of some. */
async function kept(times: readonly bigint[], options: Record<string, unknown>): Promise<bigint[]> {
  const { operator, batch } = await open(times, options);
  return run(operator, [batch]).flatMap(({ rows }) => rows.map(({ time }) => time as bigint));
}

async function open(times: readonly bigint[], options: Record<string, unknown>) {
  const dictionaries = new DictionarySet();
  const context = stageContext({ dictionaries, batchRows: 64 });
  const operator = sessionsOperator.create(SessionsOptions.parse(options), TRADE, context);
  await operator.open?.();
  const rows = times.map((time, i) => ({ time, symbol: 'A', price: i }));
  const batch: Batch = batchOf(TRADE, rows, dictionaries, { capacity: Math.max(64, times.length) });
  return { operator, batch };
}

describe('sessions', () => {
  it('keeps a session from its first nanosecond to the last one before its end', async () => {
    const opens = at('2026-11-27T14:30:00Z');
    const closes = at('2026-11-27T18:00:00Z'); // the day after Thanksgiving is short
    const times = [opens - 1n, opens, closes - 1n, closes, at('2026-11-27T19:30:00Z')];
    expect(await kept(times, { calendar: 'XNYS' })).toEqual([opens, closes - 1n]);
    expect(await kept(times, { calendar: 'XNYS', keep: 'closed' })).toEqual([opens - 1n, closes, times[4]]);
  });

  it('counts hours before and after as open where it is told so', async () => {
    const early = at('2026-11-25T09:00:00Z');
    expect(await kept([early], { calendar: 'XNYS' })).toEqual([]);
    expect(await kept([early], { calendar: 'XNYS', hours: 'extended' })).toEqual([early]);
  });

  it('stops at a time that the calendar does not know, and says which dates it knows', async () => {
    const { operator, batch } = await open([at('1999-12-31T15:00:00Z', 5n)], { calendar: 'XNYS' });
    expect(() => operator.process(batch, () => {})).toThrow(
      /A row at 1999-12-31T15:00:00\.000000005Z: expected a time of which the calendar "XNYS" knows .* 2000-01-01 to 2028-/,
    );
  });

  it.each(['keep', 'drop'])('counts such rows where it goes on (%s)', async (unknown) => {
    const times = [at('1999-12-31T15:00:00Z'), at('1999-12-31T15:00:01Z'), at('2026-11-25T15:00:00Z')];
    const { operator, batch } = await open(times, { calendar: 'XNYS', unknown });
    const left = run(operator, [batch]).flatMap(({ rows }) => rows.length);
    expect(left).toEqual([unknown === 'keep' ? 3 : 1]);
    expect(operator.statistics?.()).toEqual({ rowsUnknown: 2 });
  });

  it('passes control records and watermarks of rows that it leaves out', async () => {
    const { operator, batch } = await open([at('2026-11-28T15:00:00Z')], { calendar: 'XNYS' }); // a Saturday
    batch.controls = [{ row: 1, record: { type: 'watermark', at: at('2026-11-28T15:00:00Z') } }];
    const [out] = run(operator, [batch]);
    expect(out?.rows).toEqual([]);
    expect(out?.controls).toEqual([
      { row: 0, record: { type: 'watermark', at: at('2026-11-28T15:00:00Z') } },
    ]);
  });

  it('says what the calendar says, in whatever order rows come', async () => {
    const calendar = await tradingCalendar('CME.equity');
    const from = at('2024-11-20T00:00:00Z');
    const week = 14n * 86_400_000_000_000n;
    const instants = fc.array(fc.bigInt({ min: from, max: from + week }), { minLength: 1, maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(instants, async (times) => {
        const open = times.filter((time) => calendar.isOpen(nanos(time)) === true);
        const options = { calendar: 'CME.equity', unknown: 'drop' };
        expect(await kept(times, options)).toEqual(open);
      }),
      { numRuns: 50 },
    );
  });

  it('names the calendars that there are, and the nearest one', () => {
    const { error } = SessionsOptions.safeParse({ calendar: 'XNIS' });
    expect(error?.issues[0]?.message).toMatch(
      /^expected a calendar: XNYS, .* found "XNIS" \(did you mean "XNYS"\?\)$/,
    );
  });

  it('needs a time', () => {
    const without: Schema = { kind: 'custom', columns: [{ name: 'price', type: 'float64' }] };
    expect(
      plan(sessionsOperator, SessionsOptions.parse({ calendar: 'XNYS' }), without).problems,
    ).toHaveLength(1);
  });
});
