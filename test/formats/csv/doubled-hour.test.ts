import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { afterAll, describe, expect, it } from 'vitest';
import type { FileDirection } from '../../../src/formats/file-decoder.js';
import { type DecodeSettings, decodeFile } from '../../support/decoded-file.js';
import { scratchFolder } from '../../support/recorded-data.js';
import type { ReplayInput } from '../../support/replayed.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const NEW_YORK = 'America/New_York';
const NIGHT = '2024-11-03';

/** Times of a file with the given fields of time, as `HH:MM` in UTC or with what more they have. */
async function timesOf(texts: readonly string[], more: DecodeSettings & { zone?: string } = {}) {
  const { zone = NEW_YORK, ...settings } = more;
  const path = SCRATCH.write('times.csv', texts.map((text) => `${text},A,1\n`).join(''));
  const columns = { time: { from: 1, zone }, symbol: 2, price: 3 };
  const { rows, error } = await decodeFile({ path, kind: 'trade', header: false, columns }, settings);
  expect(error).toBeUndefined();
  return rows.map(({ time }) =>
    new Temporal.Instant(time as bigint).toString().slice(11).replace(':00Z', ''),
  );
}

const onNight = (clock: string): string[] => clock.split(' ').map((time) => `${NIGHT} ${time}`);

describe('a local time that a clock shows twice', () => {
  it.each<[string, FileDirection, string, string]>([
    ['is of the second pass after a fall', 'ascending', '01:10 01:40 01:10 01:40', '05:10 05:40 06:10 06:40'],
    [
      'is told by rows before and after',
      'ascending',
      '00:50 01:00 01:59 01:00 01:59 02:00',
      '04:50 05:00 05:59 06:00 06:59 07:00',
    ],
    ['is of the first pass in a file that begins there', 'ascending', '01:59 02:00', '05:59 07:00'],
    [
      'is of the second pass after half the shift',
      'ascending',
      '01:00 01:30 01:00 01:30',
      '05:00 05:30 06:00 06:30',
    ],
    [
      'stays in the first pass in slight disorder',
      'ascending',
      '01:10 01:40 01:11 01:50',
      '05:10 05:40 05:11 05:50',
    ],
    [
      'stays in the second pass in any disorder',
      'ascending',
      '01:50 01:10 01:05 01:59 01:00',
      '05:50 06:10 06:05 06:59 06:00',
    ],
    ['is of the second pass slightly behind the end', 'ascending', '02:10 01:50 02:20', '07:10 06:50 07:20'],
    ['is of the first pass far behind the end', 'ascending', '02:30 01:50 01:10', '07:30 05:50 06:10'],
    [
      'begins anew with the rows of another symbol',
      'ascending',
      '01:40 01:20 01:55 03:00 01:20 01:40 01:05',
      '05:40 05:20 05:55 08:00 05:20 05:40 06:05',
    ],
    [
      'is of the first pass again after a row before it',
      'ascending',
      '01:40 01:05 00:59 01:10',
      '05:40 06:05 04:59 05:10',
    ],
    [
      'is met the other way round in a file that runs backwards',
      'descending',
      '02:00 01:59 01:00 01:59 01:00 00:59',
      '07:00 06:59 06:00 05:59 05:00 04:59',
    ],
    ['is of the second pass where such a file begins', 'descending', '01:10 01:05', '06:10 06:05'],
    [
      'is of the first pass after a rise there',
      'descending',
      '01:40 01:10 01:40 01:10',
      '06:40 06:10 05:40 05:10',
    ],
    [
      'stays in its pass in slight disorder there',
      'descending',
      '01:40 01:10 01:39 01:00 01:50 01:20 01:55 01:00',
      '06:40 06:10 06:39 06:00 05:50 05:20 05:55 05:00',
    ],
    [
      'goes on where it came from, unless it rises far',
      'descending',
      '00:50 01:10 00:50 01:30 03:00 01:30',
      '04:50 05:10 04:50 06:30 08:00 06:30',
    ],
  ])('%s (%s)', async (_, direction, local, expected) => {
    for (const batchRows of [1, 7, 8_192]) {
      expect(await timesOf(onNight(local), { direction, batchRows })).toEqual(expected.split(' '));
    }
  });

  it('is judged to the nanosecond at half the shift', async () => {
    const second = ['01:30:00.000000001', '01:00:00.000000001'];
    const first = ['01:30:00.000000001', '01:00:00.000000002'];
    expect((await timesOf(onNight(second.join(' '))))[1]).toBe('06:00:00.000000001Z');
    expect((await timesOf(onNight(first.join(' '))))[1]).toBe('05:00:00.000000002Z');
  });

  it('is left alone where the text has an offset, which tells what follows', async () => {
    const texts = [`${NIGHT}T01:10:00-05:00`, `${NIGHT} 01:20`, `${NIGHT}T05:30:00Z`, `${NIGHT} 01:40`];
    expect(await timesOf(texts)).toEqual(['06:10', '06:20', '05:30', '05:40']);
  });

  it('goes by the shift of the zone: half an hour on Lord Howe', async () => {
    const texts = ['01:30', '01:46', '01:31', '01:45', '01:30', '01:59', '02:00'];
    const local = texts.map((text) => `2024-04-07 ${text}`);
    expect(await timesOf(local, { zone: 'Australia/Lord_Howe' })).toEqual([
      '14:30',
      '14:46',
      '15:01',
      '15:15',
      '15:00',
      '15:29',
      '15:30',
    ]);
  });

  it('is found in numbers since midnight, and in those since 1970 on a local clock', async () => {
    const minutes = [70, 100, 70, 100];
    const midnight = Date.UTC(2024, 10, 3) / 1_000;
    const expected = [310, 340, 370, 400].map((minute) => BigInt(midnight + minute * 60) * 1_000_000_000n);
    for (const [base, unit, date] of [
      [0, 's', NIGHT],
      [midnight, 's', undefined],
      [midnight * 1e6, 'us', undefined],
    ] as const) {
      const factor = unit === 'us' ? 1e6 : 1;
      const text = minutes.map((minute) => `${base + minute * 60 * factor},A,1\n`).join('');
      const path = SCRATCH.write('numbers.csv', text);
      const time = { from: 1, unit, zone: NEW_YORK, ...(date && { date }) };
      const { rows } = await decodeFile({
        path,
        kind: 'trade',
        header: false,
        columns: { time, symbol: 2, price: 3 },
      });
      expect(rows.map((row) => row.time)).toEqual(expected);
    }
  });

  it('is not told by rows that cannot be used', async () => {
    const rows = ['01:50,A,1', '01:10,A,x', '01:55,A,2', '01:10,A,3', '01:55,A,x', '02:40,A,x', '01:20,A,4'];
    const path = SCRATCH.write('bad.csv', rows.map((row) => `${NIGHT} ${row}\n`).join(''));
    for (const batchRows of [1, 64]) {
      const decoded = await decodeFile(
        {
          path,
          kind: 'trade',
          header: false,
          columns: { time: { from: 1, zone: NEW_YORK }, symbol: 2, price: 3 },
        },
        { batchRows },
      );
      expect(decoded.rejected).toHaveLength(3);
      expect(decoded.rows.map(({ time }) => new Temporal.Instant(time as bigint).toString())).toEqual([
        `${NIGHT}T05:50:00Z`,
        `${NIGHT}T05:55:00Z`,
        `${NIGHT}T06:10:00Z`,
        `${NIGHT}T06:20:00Z`,
      ]);
    }
  });

  it('is, in another column than time, the one nearer to the time of its row', async () => {
    const night = (row: string) => row.split(' ').map((time) => `${NIGHT}T${time}`);
    const rows = [night('05:10Z 01:10'), night('06:10Z 01:11'), night('06:40Z 01:10'), night('04:10Z 01:50')];
    const path = SCRATCH.write('received.csv', rows.map((row) => `${row.join(',')},A,1\n`).join(''));
    const received = { from: 2, zone: NEW_YORK };
    const decoded = await decodeFile({
      path,
      kind: 'trade',
      header: false,
      columns: { time: 1, received, symbol: 3, price: 4 },
    });
    expect(
      decoded.rows.map((row) => new Temporal.Instant(row.received as bigint).toString().slice(11, 16)),
    ).toEqual(['05:10', '06:11', '06:10', '05:50']);
    const alone = await decodeFile({
      path,
      kind: 'custom',
      header: false,
      columns: { other: { ...received, type: 'timestamp' } },
    });
    expect(
      alone.rows.map((row) => new Temporal.Instant(row.other as bigint).toString().slice(11, 16)),
    ).toEqual(['05:10', '05:11', '05:10', '05:50']);
  });
});

/** Zones, the instant at which each goes back, and by how much. */
const TURNS: readonly (readonly [zone: string, turnMs: number, shiftMs: number])[] = [
  ['America/New_York', Date.UTC(2024, 10, 3, 6), 3_600_000],
  ['Europe/London', Date.UTC(2023, 9, 29, 1), 3_600_000],
  ['Australia/Lord_Howe', Date.UTC(2024, 3, 6, 15), 1_800_000],
  // From the double summer time of the war to plain summer time.
  ['Europe/London', Date.UTC(1945, 6, 15, 1), 3_600_000],
  // Two hours.
  ['Antarctica/Troll', Date.UTC(2024, 9, 27, 1), 7_200_000],
];

/** Instants in order through the doubled hour of a zone, no step of half the shift or more. */
const seriesThroughTurn = fc.constantFrom(...TURNS).chain(([zone, turnMs, shiftMs]) =>
  fc
    .tuple(
      fc.integer({ min: -1.4 * shiftMs, max: -1.01 * shiftMs }),
      fc.array(fc.integer({ min: 1, max: shiftMs / 2 - 1 }), { minLength: 1, maxLength: 30 }),
      fc.nat({ max: 999_999 }),
    )
    .map(([beginMs, steps, subNanos]) => {
      let atMs = turnMs + beginMs;
      const instants = [atMs, ...steps.map((step) => (atMs += step))];
      return {
        zone,
        instants: instants.map((ms) => BigInt(ms) * 1_000_000n + BigInt(subNanos)),
        behind: BigInt(turnMs + 1.1 * shiftMs) * 1_000_000n,
      };
    }),
);

async function writeLocal(
  zone: string,
  instants: readonly bigint[],
): Promise<ReplayInput & { path: string }> {
  const rows = instants.map((instant, i) => {
    const local = new Temporal.Instant(instant).toZonedDateTimeISO(zone).toPlainDateTime();
    return `${local.toString({ fractionalSecondDigits: 9 })},A,${i}\n`;
  });
  return {
    path: SCRATCH.write('series.csv', rows.join('')),
    kind: 'trade',
    header: false,
    columns: { time: { from: 1, zone }, symbol: 2, price: 3 },
  };
}

describe('a series of local times through a doubled hour', () => {
  it.each<[FileDirection]>([['ascending'], ['descending']])(
    'gives the instants from which it was written, in batches of any size (%s)',
    async (direction) => {
      await fc.assert(
        fc.asyncProperty(seriesThroughTurn, async ({ zone, instants, behind }) => {
          // Backwards, it begins behind the doubled hour, as forwards before it.
          const written = direction === 'ascending' ? instants : withSteps(instants, behind).reverse();
          const input = await writeLocal(zone, written);
          for (const batchRows of [1, 7, 8_192]) {
            const { rows, error } = await decodeFile(input, { direction, batchRows });
            expect(error).toBeUndefined();
            expect(rows.map(({ time }) => time)).toEqual(written);
          }
        }),
        { numRuns: 60 },
      );
    },
  );

  it.each<[FileDirection]>([['ascending'], ['descending']])(
    'is gone on with at any row, whatever its rows are (%s)',
    async (direction) => {
      const anyTimes = fc.array(fc.integer({ min: -100, max: 150 }), { minLength: 2, maxLength: 14 });
      await fc.assert(
        fc.asyncProperty(anyTimes, async (minutes) => {
          const text = minutes.map((minute, i) => {
            const local = new Date(Date.UTC(2024, 10, 3, 1) + minute * 60_000).toISOString().slice(0, -1);
            return `${local},A,${i % 5 === 3 ? 'bad' : i}\n`;
          });
          const input: ReplayInput & { path: string } = {
            path: SCRATCH.write('any.csv', text.join('')),
            kind: 'trade',
            header: false,
            columns: { time: { from: 1, zone: NEW_YORK }, symbol: 2, price: 3 },
          };
          const whole = await decodeFile(input, { direction });
          for (let batches = 0; batches <= whole.rows.length; batches++) {
            const before = await decodeFile(input, { direction, batchRows: 1, batches });
            expect(before.position.previousNs).toBe(before.rows.at(-1)?.time);
            const after = await decodeFile(input, { direction, resumeAt: before.position });
            expect([...before.rows, ...after.rows]).toEqual(whole.rows);
          }
        }),
        { numRuns: 30 },
      );
    },
  );
});

/** Adds instants up to the last one, a quarter of an hour apart or less. */
function withSteps(instants: readonly bigint[], last: bigint): bigint[] {
  const all = [...instants];
  while (all.at(-1)! < last) all.push(all.at(-1)! + 840_000_000_000n);
  return all;
}
