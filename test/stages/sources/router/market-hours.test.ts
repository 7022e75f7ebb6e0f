import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../../src/calendars/built-in-calendars.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { fakeProvider } from '../../../../src/testing/fake-provider.js';
import type { FakeScript } from '../../../../src/testing/fake-script.js';
import { VirtualClock } from '../../../../src/testing/virtual-clock.js';
import { instantsOf, msAt, nsAt, passTo, tradesAt } from '../../../support/market-time.js';
import { isRow, keepingSink } from '../../../support/pipeline-rig.js';
import { scratchFolder } from '../../../support/recorded-data.js';
import { specProblems } from '../../../support/spec-problems.js';
import { TOKYO } from '../../../support/tokyo-calendar.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

// What a calendar loads takes no virtual time.
beforeAll(async () => {
  await tradingCalendar('XNYS');
});

type Capabilities = NonNullable<FakeScript['capabilities']>;
const EQUITIES: Capabilities = {
  assetClasses: ['equity'],
  streams: { trades: { delivery: 'live-only' } },
  calendars: { equity: 'XNYS' },
};
const UNKNOWN: Capabilities = { ...EQUITIES, calendars: {} };

interface Routed {
  readonly begin: string;
  /** When `main` gives rows; `backup` does so every 20 s, around the clock. */
  readonly main: readonly number[];
  readonly capabilities?: { readonly main: Capabilities; readonly backup: Capabilities };
  readonly options?: object;
}

/** A router of two providers whose streams do not watch for silence themselves, with bars behind it. */
async function routed({ begin, main, capabilities, options = {} }: Routed) {
  const clock = new VirtualClock({ wall: nsAt(begin) });
  const kept = keepingSink();
  const starts = { main: 0, backup: 0 };
  const from = (at: readonly number[]) => () => {
    const now = Number(clock.wall() / 1_000_000n);
    return tradesAt(
      now,
      at.filter((one) => one >= now).map((one) => ({ at: one, symbol: 'A' })),
    );
  };
  const source = { stream: 'trades', symbols: ['A'], silence: false };
  const always = instantsOf(begin, new Date(msAt(begin) + 3_600_000).toISOString(), 20_000);
  const script = (name: 'main' | 'backup', at: readonly number[]): FakeScript => ({
    name,
    capabilities: capabilities?.[name] ?? EQUITIES,
    trades: () => {
      starts[name]++;
      return from(at)();
    },
  });
  const pipeline = createPipeline(
    uncheckedSpec({
      name: 'routed',
      source: {
        use: 'router',
        sources: { main: { use: 'main', ...source }, backup: { use: 'backup', ...source } },
        silence: '10m',
        backOff: '1h',
        backOffMax: '1h',
        ...options,
      },
      operators: [{ use: 'bars', every: '1m' }],
      batcher: { maxDelayMs: 1 },
      sink: { use: 'null' },
    }),
    {
      clock,
      components: [fakeProvider(script('main', main)), fakeProvider(script('backup', always))],
      sink: { create: () => kept.sink },
    },
  );
  await pipeline.build();
  const run = pipeline.run();
  await clock.advance(5);
  return {
    clock,
    starts,
    switched: () => kept.stream.filter(({ type }) => type === 'switched'),
    bars: () =>
      kept.stream
        .filter(isRow)
        .map(
          ({ time, mark }) =>
            `${new Date(Number((time as bigint) / 1_000_000n)).toISOString().slice(5, 16)} ${mark}`,
        ),
    health: async () => (await pipeline.build()).describe()[0]!.health,
    async stop() {
      pipeline.stop();
      await clock.advance(50);
      return run;
    },
  };
}

const BEGIN = '2024-11-27T20:58:00Z';
const CLOSES = '2024-11-27T21:00:00Z';
const HALF_DAY = ['2024-11-29T17:58:00Z', '2024-11-29T18:00:00Z'] as const;
const MONDAY = ['2024-12-02T14:30:00Z', '2024-12-02T14:32:00Z'] as const;

describe('a router whose sources share a calendar', () => {
  it('stays where it is over a night, a holiday, a half day and a weekend, and leaves a source that is silent at noon', async () => {
    const main = [
      ...instantsOf(BEGIN, CLOSES, 20_000),
      ...instantsOf('2024-11-29T14:30:00Z', HALF_DAY[0], 300_000),
      ...instantsOf(...HALF_DAY, 20_000),
      ...instantsOf(...MONDAY, 20_000),
    ];
    const { clock, starts, switched, bars, health, stop } = await routed({ begin: BEGIN, main });
    for (const at of main) await passTo(clock, new Date(at).toISOString());
    await passTo(clock, '2024-12-02T14:41:39Z');
    expect(switched()).toEqual([]);
    expect(starts).toEqual({ main: 1, backup: 0 });
    expect(await health()).toEqual({ status: 'ok' });
    expect(bars().filter((bar) => !bar.endsWith(' complete'))).toEqual([]);
    await clock.advance(2_000);
    expect(starts).toEqual({ main: 1, backup: 1 });
    expect(await health()).toMatchObject({ status: 'degraded' });
    expect((await stop()).outcome).toBe('stopped');
    expect(clock.timersPending).toBe(0);
  });

  it('has the bars of that silence marked', async () => {
    const begin = '2024-12-02T17:00:00Z';
    const main = instantsOf(begin, '2024-12-02T17:02:00Z', 20_000);
    const { clock, switched, bars, stop } = await routed({ begin, main });
    for (const at of main) await passTo(clock, new Date(at).toISOString());
    await passTo(clock, '2024-12-02T17:11:39Z');
    await clock.advance(142_000);
    expect(switched()).toMatchObject([
      { from: 'main', to: 'backup', reason: 'silence', since: nsAt('2024-12-02T17:01:40Z'), seam: 'unknown' },
    ]);
    const marks = bars();
    expect(marks.slice(0, 1)).toEqual(['12-02T17:00 complete']);
    expect(marks).toContain('12-02T17:11 gap');
    expect(marks.at(-1)).toBe('12-02T17:13 complete');
    await stop();
  });
});

describe('a router that does not know when its market is open', () => {
  const begin = '2024-12-02T17:00:00Z';
  const main = instantsOf(begin, '2024-12-02T17:01:00Z', 20_000);

  it.each([
    ['none of its sources does', { main: UNKNOWN, backup: UNKNOWN }],
    [
      'its sources have different ones',
      { main: EQUITIES, backup: { ...EQUITIES, calendars: { equity: 'XLON' } } },
    ],
  ])('tells of silence, and leaves no source for it (%s)', async (_, capabilities) => {
    const { clock, starts, switched, health, stop } = await routed({ begin, main, capabilities });
    await passTo(clock, '2024-12-02T17:30:00Z');
    expect(switched()).toEqual([]);
    expect(starts).toEqual({ main: 1, backup: 0 });
    expect(await health()).toEqual({
      status: 'degraded',
      reason: 'main has given no row for 600000 ms, and its market may be closed',
    });
    await stop();
  });

  it('goes by the calendar that it is told, one of its own too', async () => {
    const tokyo = SCRATCH.write('tokyo.yaml', TOKYO);
    const unknown = { main: UNKNOWN, backup: UNKNOWN };
    const noon = await routed({ begin, main, capabilities: unknown, options: { sessions: 'XNYS' } });
    await passTo(noon.clock, '2024-12-02T17:01:00Z');
    await passTo(noon.clock, '2024-12-02T17:11:30Z');
    await noon.clock.advance(30_000);
    expect(noon.switched()).toMatchObject([{ reason: 'silence' }]);
    await noon.stop();
    const night = await routed({ begin, main, capabilities: unknown, options: { sessions: tokyo } });
    await passTo(night.clock, '2024-12-02T17:30:00Z');
    expect([night.switched(), await night.health()]).toEqual([[], { status: 'ok' }]);
    await night.stop();
  });

  it('is asked for a silence to go with a calendar', async () => {
    const sources = [{ use: 'synthetic' }, { use: 'synthetic' }];
    const spec = {
      name: 'routed',
      source: { use: 'router', sources, sessions: 'XNYS' },
      sink: { use: 'null' },
    };
    expect(await specProblems(spec)).toEqual([
      'source.sessions: expected "silence" beside it, which says how long is too long',
    ]);
  });
});
