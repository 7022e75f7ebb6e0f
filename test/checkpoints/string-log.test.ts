import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHECKPOINT_BYTES_MAX } from '../../src/checkpoints/checkpoint-codec.js';
import {
  asLogged,
  type Dictionaries,
  planStrings,
  readStrings,
  STRINGS_LIMITS,
  type StringLog,
  type StringsPlan,
  withCheckpoint,
} from '../../src/checkpoints/string-log.js';

const LIMITS = { inlineMax: 30, inlinePerByte: 0, inlineMost: 100_000, logBytesMax: 10_000_000 };
const anyString = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '\n', '"', '\ud800', '\udc00\ud83d', '$', '["a",["b"]]'),
);
const anyName = fc.oneof(fc.string(), fc.constantFrom('symbol', '__proto__', '$', 'constructor', '\n'));
const manyStrings = (count: number, prefix = 'SYM'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** The log of one run: what each checkpoint is to say, and the bytes on the disk. */
class Run {
  readonly bytes: Buffer[] = [];
  log: StringLog | undefined;
  /** Stands in the log behind strings that it takes. */
  checkpoint: Buffer | undefined;
  #ids = 0;

  plan(dictionaries: Dictionaries, limits = LIMITS): StringsPlan {
    const plan = planStrings(dictionaries, this.log, () => `log${this.#ids++}`, limits);
    this.log = plan.log;
    if (plan.append?.at === 0) this.bytes.length = 0;
    if (plan.append) {
      expect(plan.append.at).toBe(Buffer.concat(this.bytes).length);
      this.bytes.push(plan.append.bytes);
      if (this.checkpoint && plan.log) {
        const logged = asLogged(this.checkpoint);
        this.bytes.push(logged);
        this.log = withCheckpoint(plan.log, logged);
      }
    }
    return plan;
  }

  /** What a checkpoint of this plan gives, of the log as it is now. */
  read({ rest, log }: StringsPlan): Dictionaries {
    const logged = log
      ? readStrings(Buffer.concat(this.bytes), log.mark, 'log')
      : new Map<string, string[]>();
    return Object.fromEntries(
      Object.entries(rest).map(([name, strings]) => [name, [...(logged.get(name) ?? []), ...strings]]),
    );
  }
}

describe('strings that go into a log', () => {
  it('come back as each checkpoint had them, however far the log has grown since', () => {
    const step = fc.array(fc.tuple(anyName, fc.array(anyString, { maxLength: 8 })), { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), fc.option(anyString), (steps, state) => {
        const run = new Run();
        // As a checkpoint is encoded: a line that says what it is, and one of JSON.
        if (state !== null)
          run.checkpoint = Buffer.from(`tickloom-checkpoint 2 9 0\n${JSON.stringify({ state })}`);
        const all = new Map<string, string[]>();
        const taken: (readonly [StringsPlan, Dictionaries])[] = [];
        for (const grown of steps) {
          for (const [name, strings] of grown) all.set(name, [...(all.get(name) ?? []), ...strings]);
          const dictionaries = Object.fromEntries(all);
          taken.push([run.plan(dictionaries), dictionaries]);
        }
        // vitest's matchers stumble over a key "constructor".
        for (const [plan, dictionaries] of taken) {
          expect(isDeepStrictEqual(run.read(plan), dictionaries)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('stay in the checkpoint up to the bound, and are written once', () => {
    const run = new Run();
    let written = 0;
    for (let count = 0; count <= 2_000; count++) {
      const { rest, append } = run.plan({ symbol: manyStrings(count) });
      expect(JSON.stringify(rest.symbol).length).toBeLessThanOrEqual(LIMITS.inlineMax + 2);
      written += append?.bytes.length ?? 0;
    }
    const once = JSON.stringify(manyStrings(2_000)).length;
    expect(written).toBeGreaterThan(once * 0.9);
    expect(written).toBeLessThan(once * 2);
  });

  it('are looked at once, and those in the log no more, but for the last one', () => {
    const run = new Run();
    const symbols = manyStrings(100_000);
    run.plan({ symbol: symbols });
    let reads = 0;
    const counted = new Proxy([...symbols, 'A', 'B'], {
      get: (list, key) => {
        if (typeof key === 'string' && /^\d+$/.test(key)) reads++;
        return Reflect.get(list, key) as unknown;
      },
    });
    expect(run.plan({ symbol: counted }).rest).toEqual({ symbol: ['A', 'B'] });
    expect(reads).toBe(3);
  });

  it.each([
    ['fewer strings', { symbol: manyStrings(19) }],
    ['another last string', { symbol: [...manyStrings(19), 'other', 'A'] }],
    ['a dictionary less', { venue: manyStrings(20) }],
  ])('begin a log of their own where they do not go on from the one that is there (%s)', (_what, others) => {
    const run = new Run();
    const { log } = run.plan({ symbol: manyStrings(20) });
    const next = run.plan(others);
    expect(next.append?.at).toBe(0);
    expect(next.log!.mark.id).not.toBe(log!.mark.id);
    expect(run.read(next)).toEqual(others);
  });

  it('wait in the checkpoint until they are as large as the one that stands in the log', () => {
    const run = new Run();
    run.checkpoint = Buffer.from(`tickloom-checkpoint 2 9 0\n{"state":"${'x'.repeat(5_000)}"}`);
    const limits = { ...LIMITS, inlinePerByte: 1 };
    let appends = 0;
    for (let count = 100; count <= 3_000; count++) {
      if (run.plan({ symbol: manyStrings(count) }, limits).append) appends++;
    }
    // The first one at once, and then each 5 kB of the 30 kB that there are.
    expect(appends).toBeGreaterThan(4);
    expect(appends).toBeLessThan(8);
    expect(run.log!.checkpointBytes).toBe(run.checkpoint.length + 1);
  });

  it('wait no longer where the one in the log is so large that a checkpoint would have no room for both', () => {
    const run = new Run();
    run.checkpoint = Buffer.from(`tickloom-checkpoint 2 9 0\n{"state":"${'x'.repeat(50_000)}"}`);
    const limits = { ...LIMITS, inlinePerByte: 1, inlineMost: 2_000 };
    for (let count = 100; count <= 3_000; count += 10) {
      const { rest } = run.plan({ symbol: manyStrings(count) }, limits);
      expect(JSON.stringify(rest.symbol).length).toBeLessThanOrEqual(limits.inlineMost + 2);
    }
    const { inlineMost } = STRINGS_LIMITS;
    expect(3 * inlineMost).toBeLessThan(CHECKPOINT_BYTES_MAX / 4); // in UTF-8, three bytes a character
  });

  it('begin a log without the checkpoints in it where these have filled it', () => {
    const run = new Run();
    run.checkpoint = Buffer.from(`tickloom-checkpoint 2 9 0\n{"state":"${'x'.repeat(5_000)}"}`);
    const limits = { ...LIMITS, logBytesMax: 20_000 };
    let logs = 0;
    for (let count = 10; count <= 500; count += 10) {
      const plan = run.plan({ symbol: manyStrings(count) }, limits);
      if (plan.append?.at === 0) logs++;
      expect(plan.log!.mark.bytes).toBeLessThanOrEqual(20_000);
      expect(run.read(plan)).toEqual({ symbol: manyStrings(count) });
    }
    expect(logs).toBeGreaterThan(10);
  });

  it('are in lines, so that no text is as long as a dictionary', () => {
    const run = new Run();
    const dictionaries = { text: Array.from({ length: 30 }, (_, i) => String(i % 10).repeat(100_000)) };
    const plan = run.plan(dictionaries);
    const lines = Buffer.concat(run.bytes).toString().trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(run.read(plan)).toEqual(dictionaries);
  });

  it('have a bound, and which dictionary has the most of them is said', () => {
    const run = new Run();
    const limits = { ...LIMITS, logBytesMax: 1_000 };
    run.plan({ symbol: manyStrings(50), venue: ['X'] }, limits);
    expect(() => run.plan({ symbol: manyStrings(150), venue: ['X'] }, limits)).toThrowError(
      expect.objectContaining({
        code: 'CHECKPOINT_INVALID',
        message: expect.stringMatching(
          /^Expected dictionaries of at most 1000 bytes of strings, found 1\d\d\d, most of them of "symbol"/,
        ),
      }),
    );
  });

  it('are refused when any of what counts was cut off or changed, with what was expected', () => {
    const run = new Run();
    const { log } = run.plan({ symbol: manyStrings(20) });
    const bytes = Buffer.concat(run.bytes);
    const expected = `/store/x.strings: expected ${bytes.length} bytes of strings of the checksum`;
    const read = (of: Buffer) => readStrings(of, log!.mark, '/store/x.strings');
    for (let length = 0; length < bytes.length; length++) {
      expect(() => read(bytes.subarray(0, length))).toThrow(expected);
    }
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => read(changed), `bit ${bit}`).toThrow(expected);
    }
    expect(read(Buffer.concat([bytes, Buffer.from('half a li')])).get('symbol')).toEqual(manyStrings(20));
  });

  it.each([
    [{ counts: { symbol: 21 } }, 'expected 21 strings of dictionary "symbol", found 20'],
    [{ counts: { venue: 1 } }, 'expected 1 strings of dictionary "venue", found 0'],
  ])('are refused when there are not as many as the checkpoint counts (%o)', (others, message) => {
    const run = new Run();
    const { log } = run.plan({ symbol: manyStrings(20) });
    expect(() => readStrings(Buffer.concat(run.bytes), { ...log!.mark, ...others }, 'log')).toThrow(message);
  });
});
