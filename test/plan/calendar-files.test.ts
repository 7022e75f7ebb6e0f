import { join, relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { uncheckedSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { runStream, told } from '../support/fake-stream.js';
import { scratchFolder } from '../support/recorded-data.js';
import { specProblems } from '../support/spec-problems.js';
import { TOKYO } from '../support/tokyo-calendar.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const TICKS = `time,symbol,price
2024-11-29T02:29:59Z,A,1
2024-11-29T02:30:00Z,A,2
2024-11-29T03:29:59Z,A,3
2024-11-29T03:30:00Z,A,4
`;
const spec = (calendar: string, more: object = {}) => ({
  name: 'tokyo',
  source: {
    use: 'replay',
    path: SCRATCH.write('ticks.csv', TICKS),
    kind: 'trade',
    columns: { time: 'time', symbol: 'symbol', price: 'price' },
  },
  operators: [{ use: 'sessions', calendar }],
  sink: { use: 'null' },
  ...more,
});

describe('a calendar that a spec names by its file', () => {
  it('says which rows are of the session', async () => {
    const prices: unknown[] = [];
    const sink = callbackSink((batch) => {
      prices.push(...batch.float64('price').subarray(0, batch.length));
    });
    const path = SCRATCH.write('tokyo.yaml', TOKYO);
    const { outcome } = await createPipeline(uncheckedSpec(spec(path)), { sink }).run();
    expect(outcome).toBe('completed');
    expect(prices).toEqual([1, 4]);
  });

  it('is looked for from the working directory, as all paths of a spec are', async () => {
    const path = relative(process.cwd(), SCRATCH.write('tokyo.yaml', TOKYO));
    expect(await specProblems(spec(path))).toEqual([]);
    expect(await specProblems(spec('calendars/none.yaml'))).toEqual([
      expect.stringMatching(
        /^operators\.0\.calendar: expected the file of a calendar, found none at "calendars\/none\.yaml" \(from \//,
      ),
    ]);
  });

  it('is read once for all stages that name it, and goes with the spec', async () => {
    const calendar = SCRATCH.write('tokyo.yaml', TOKYO);
    const operators = [
      { use: 'sessions', calendar },
      { use: 'sessions', calendar, keep: 'open' },
    ];
    const resolved = await resolveSpec(uncheckedSpec(spec(calendar, { operators })));
    const [first, second] = resolved.operators.map(({ calendars }) => calendars![0]!);
    expect(first).toMatchObject({ path: calendar, at: ['calendar'], data: { name: 'XTKS' } });
    expect(second!.data).toBe(first!.data);
    expect(structuredClone(resolved)).toEqual(resolved);
  });

  it('is read once under two paths, too', async () => {
    const calendar = SCRATCH.write('tokyo.yaml', TOKYO);
    const other = join(SCRATCH.folder, '.').concat('/./tokyo.yaml');
    const operators = [calendar, other].map((path) => ({ use: 'sessions', calendar: path }));
    const resolved = await resolveSpec(uncheckedSpec(spec(calendar, { operators })));
    const [first, second] = resolved.operators.map(({ calendars }) => calendars![0]!);
    expect(second!.path).toBe(other);
    expect(second!.data).toBe(first!.data);
  });

  it.each([
    [
      'a mistake in it',
      TOKYO.replace('mon-fri, from: 12:30', 'mon-fri, from: 11:00'),
      /bad\.yaml:\d+:\d+ hours: .*overlap/,
    ],
    ['a wrong key', `${TOKYO}holidys: []\n`, /bad\.yaml:\d+:\d+ holidys: .*did you mean "holidays"/],
    [
      'something else',
      'name: x\nsource: { use: replay }\nsink: { use: "null" }\n',
      /bad\.yaml:1:1 .*expected a calendar, found a spec/,
    ],
    ['more than a megabyte', `# ${'x'.repeat(1_100_000)}\n${TOKYO}`, /at most 1048576 bytes/],
  ])('has %s named with file and place', async (_, text, message) => {
    const problems = await specProblems(spec(SCRATCH.write('bad.yaml', text)));
    expect(problems[0]).toMatch(/^operators\.0\.calendar: the calendar is not usable: /);
    expect(problems[0]).toMatch(message);
  });

  it.each([
    ['a text', '%s\n', '1:1 (root): expected a mapping, found a text'],
    ['a number', '51900700100200300\n', '1:1 (root): expected a mapping, found a number'],
    ['a list', '- %s\n', 'found a list'],
    ['settings of something else', '%s: 1\n', 'expected a calendar, found a mapping without any of its keys'],
    ['a tag', '!%s x\n', 'found a tag'],
    ['an alias', 'zone: *%s\n', 'there is no anchor'],
    ['a directive', '%%s x\n---\nzone: UTC\n', 'expected'],
    [
      'a mistake in the text',
      '%s: [%s\n%s: %s\n',
      'expected YAML or JSON, found a mistake in it (bad indent)',
    ],
    ['two documents', '%s\n---\n%s\n', 'found a text'],
    ['a key twice', '%s: 1\n%s: 2\n', 'every key once'],
  ])('shows nothing of a file that holds %s and is no calendar', async (_, text, message) => {
    const path = SCRATCH.write('token', text.replaceAll('%s', 'sk_live_51HxTOKENtoken99'));
    const problems = (await specProblems(spec(path))).join('\n').replaceAll(path, 'PATH');
    expect(problems).toContain('operators.0.calendar: the calendar is not usable: PATH:');
    expect(problems).toContain(message);
    expect(problems).not.toMatch(/TOKEN|519007/i);
  });

  it('is a file: nobody waits for what is none', async () => {
    SCRATCH.makeFolder('folder.yaml');
    expect(await specProblems(spec(join(SCRATCH.folder, 'folder.yaml')))).toEqual([
      expect.stringContaining('operators.0.calendar: expected the file of a calendar, found a directory'),
    ]);
  });

  it('is told from a name by its separator or its ending', async () => {
    expect(await specProblems(spec('24/7'))).toEqual([]);
    expect(await specProblems(spec('XNYSE'))).toEqual([
      expect.stringMatching(
        /^operators\.0\.calendar: expected a calendar: XNYS, .*, or the path of a file, .*found "XNYSE" \(did you mean "XNYS"\?\)/,
      ),
    ]);
  });

  it('is not written by the job that reads it', async () => {
    const path = SCRATCH.write('tokyo.yaml', TOKYO);
    const sink = { use: 'jsonl', path, ifExists: 'replace' };
    expect(await specProblems(spec(path, { sink }))).toEqual([
      expect.stringMatching(
        /^operators\.0\.calendar: expected input that nothing writes to, found .*tokyo\.yaml", where sink\.path writes/,
      ),
    ]);
  });

  it('says when a stream of a provider is silent', async () => {
    const sessions = SCRATCH.write('tokyo.yaml', TOKYO);
    const clock = new VirtualClock({ wall: BigInt(Date.parse('2024-11-29T02:25:00Z')) * 1_000_000n });
    const { records, drained } = await runStream({
      clock,
      script: {
        capabilities: { assetClasses: ['equity'], streams: { trades: { delivery: 'live-only' } } },
        trades: [
          { trade: { symbol: 'BTC', price: 1 } },
          { afterMs: 66 * 60_000, trade: { symbol: 'BTC', price: 2 } },
        ],
      },
      source: { silence: { after: '10m', sessions } },
    });
    await clock.advance(66 * 60_000);
    expect(told(records)).toEqual([]); // five minutes before the break, one behind it
    await clock.advance(9 * 60_000);
    await drained();
    expect(told(records)).toEqual([]);
  });
});
