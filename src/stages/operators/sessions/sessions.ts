import type { TradingCalendar } from '../../../calendars/trading-calendar.js';
import { columnIndex } from '../../../columns/schema.js';
import { thinRows } from '../../../columns/selection.js';
import type { Nanos } from '../../../core/units.js';
import { unknownHours } from '../../../engine/event-time/unknown-hours.js';
import type { OperatorFactory } from '../../../engine/factories.js';
import { HoursMarks } from './hours-marks.js';
import type { SessionsOptions } from './options.js';

/**
 * Passes on the rows of open hours, or those of closed ones, in the same batch. Watermarks and control records pass.
 */
export const sessionsOperator: OperatorFactory<SessionsOptions> = {
  plan(_, input, problems) {
    if (!input.columns.some(({ name, type }) => name === 'time' && type === 'timestamp')) {
      problems.add([], 'expected a column "time" of type timestamp in the rows, found none');
    }
    return input;
  },

  create({ calendar: name, hours, keep, unknown }, input, { batchRows, calendars }) {
    const timeAt = columnIndex(input, 'time');
    let marks: HoursMarks | undefined;
    let kept = new Uint8Array(batchRows);
    let filtered = 0;
    return {
      output: input,
      readsOnly: true,
      async open() {
        const { openNamedCalendar } = await import('../../../calendars/named-calendar.js');
        const calendar = await openNamedCalendar(name, calendars, { hours });
        marks = new HoursMarks(calendar, { keep, unknown, refuse: (at) => refuse(calendar, at) });
      },
      process(batch, emit) {
        const { length, columns } = batch;
        if (length > 0) {
          if (kept.length < length) kept = new Uint8Array(length);
          const isWhole = marks!.mark(columns[timeAt] as Int32Array, length, kept);
          if (!isWhole) filtered += thinRows(batch, kept);
        }
        if (batch.isEmpty) batch.release();
        else emit(batch);
      },
      statistics: () => ({ rowsUnknown: marks?.rowsUnknown ?? 0 }),
      tally: () => ({ filtered }),
    };
  },
};

function refuse(calendar: TradingCalendar, at: Nanos): never {
  throw unknownHours(calendar, at, '`unknown: keep` or `unknown: drop` goes on');
}
