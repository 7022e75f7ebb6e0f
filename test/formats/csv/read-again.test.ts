import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { type BadRow, PipelineError, RuntimeError } from '../../../src/core/errors.js';
import type { PlainData } from '../../../src/core/plain-data.js';
import type { Source } from '../../../src/engine/source.js';
import { createGate } from '../../../src/providers/create-gate.js';
import { GatedSource } from '../../../src/providers/gated-source.js';
import { ResilienceCoordinator } from '../../../src/resilience/resilience-coordinator.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { rowsIn } from '../../support/batch-rows.js';
import { FlakyFileSystem } from '../../support/flaky-file-system.js';
import { scratchFolder } from '../../support/recorded-data.js';
import { openReplay, type ReplayInput } from '../../support/replayed.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { RecordedRejects } from '../../support/stage-context.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const START = 1_704_067_200_000;
const COLUMNS: Pick<ReplayInput, 'kind' | 'columns'> = {
  kind: 'trade',
  columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price' },
};
const BAD = ['what?', `${START},A,x`, '9999999999999999,A,1', `${START + 86_400_000_000},A,7`];

/** Lines of a file; `null` for a row that cannot be used. */
const linesOf = (prices: readonly (number | null)[], isBackward: boolean): string[] => {
  const rows = prices.map((price, i) =>
    price === null ? BAD[i % BAD.length]! : `${START + i * 1_000 + (price % 7)},S${price % 3},${price}`,
  );
  return isBackward ? rows.reverse() : rows;
};

/** Fails to write now and then; what was added stays. */
class FlakyRejects extends RecordedRejects {
  isFailing: () => boolean = () => false;

  override add(row: BadRow): void {
    this.#mayFail();
    super.add(row);
  }

  override async flush(): Promise<void> {
    this.#mayFail();
    await super.flush();
  }

  #mayFail(): void {
    if (this.isFailing()) throw new PipelineError('OUTPUT_FAILED', 'no room', { retryable: true });
  }
}

interface ReadThrough {
  readonly prices: number[];
  readonly told: string[];
  readonly position: PlainData;
  readonly rowsRejected: number;
  readonly bytesIn: number;
}

/** Reads to the end, and again after each error that may pass. Leaves off after so many reads. */
async function readThrough(source: Source, rejects: RecordedRejects, reads = Infinity): Promise<ReadThrough> {
  const prices: number[] = [];
  let errors = 0;
  for (let read = 0; read < reads; read++) {
    try {
      const batch = await source.read();
      if (!batch) break;
      prices.push(...rowsIn(batch).map(({ price }) => Number(price)));
      batch.release();
    } catch (error) {
      if (!(error instanceof RuntimeError && error.retryable)) throw error;
      if (++errors > 100) throw new Error('it never goes on', { cause: error });
    }
  }
  const position = JSON.parse(JSON.stringify(source.position())) as PlainData;
  await source.close?.();
  const told = rejects.rows.map(({ file, line }) => `${file}:${line}`).sort();
  return {
    prices,
    told,
    position,
    rowsRejected: source.rowsRejected!,
    bytesIn: source.bytesIn!,
  };
}

/** Fails at the calls that are named by their number. */
function failingAt(calls: readonly number[]): () => boolean {
  const left = new Set(calls);
  let call = 0;
  return () => left.delete(call++);
}

const oneFile = fc.record({
  isBackward: fc.boolean(),
  isPacked: fc.boolean(),
  rows: fc.array(
    fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    {
      minLength: 4,
      maxLength: 60,
    },
  ),
});
const calls = fc.array(fc.nat({ max: 120 }), { maxLength: 25 });

const plan = fc.record({
  files: fc.array(oneFile, { minLength: 1, maxLength: 3 }),
  batchRows: fc.constantFrom(1, 5, 16, 64),
  bytesMax: fc.constantFrom(16, 50, 300),
  order: fc.constantFrom('time' as const, 'listed' as const),
  reads: calls,
  rejects: fc.array(fc.nat({ max: 60 }), { maxLength: 10 }),
  leaveOffAfter: fc.nat({ max: 60 }),
  /** In the middle of a read, as a suspend does. */
  stopAtCall: fc.option(fc.nat({ max: 150 })),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

function inputOf({ files, order }: Plan): ReplayInput {
  let price = 0;
  const path = files.map(({ rows, isBackward, isPacked }) => {
    const lines = linesOf(
      rows.map((isGood) => (isGood ? price++ : null)),
      isBackward,
    );
    const text = `time,symbol,price\n${lines.join('\n')}\n`;
    return SCRATCH.writeNew(isPacked ? gzipSync(text, { level: 1 }) : text);
  });
  return { path, ...COLUMNS, order };
}

describe('a replay that is read again after an error that may pass', () => {
  it('loses and doubles no row and no bad row, and goes on from anywhere', async () => {
    let failures = 0;
    await fc.assert(
      fc.asyncProperty(plan, async (made) => {
        const input = inputOf(made);
        const { batchRows, bytesMax, leaveOffAfter } = made;
        const rejects = new RecordedRejects();
        const { source } = await openReplay(input, {
          batchRows,
          rejects,
          fs: new FlakyFileSystem(bytesMax).fs,
        });
        const whole = await readThrough(source, rejects).catch((error: unknown) => error);
        if (whole instanceof RuntimeError) return; // one whose times are refused as a whole
        const undisturbed = whole as ReadThrough;

        const flaky = new FlakyFileSystem(bytesMax);
        const isFailing = failingAt(made.reads);
        let call = 0;
        flaky.isFailing = () => {
          if (call++ === made.stopAtCall) again.source.stop();
          return isFailing();
        };
        const flakyRejects = new FlakyRejects();
        flakyRejects.isFailing = failingAt(made.rejects);
        const again = await openReplay(input, { batchRows, rejects: flakyRejects, fs: flaky.fs });
        const first = await readThrough(again.source, flakyRejects, leaveOffAfter);
        failures += flaky.failures;
        const later = new RecordedRejects();
        const { source: second } = await openReplay(input, {
          batchRows,
          rejects: later,
          resumeAt: first.position,
        });
        const rest = await readThrough(second, later);
        expect([...first.prices, ...rest.prices]).toEqual(undisturbed.prices);
        expect([...first.told, ...rest.told].sort()).toEqual(undisturbed.told);
        expect(first.rowsRejected + rest.rowsRejected).toBe(undisturbed.rowsRejected);
      }),
      { numRuns: 200 },
    );
    expect(failures).toBeGreaterThan(40);
  });

  it('counts its bytes once', async () => {
    for (const isPacked of [false, true]) {
      const rows = Array.from({ length: 300 }, (_, i) => i % 11 !== 0);
      const made = { files: [{ isBackward: false, isPacked, rows }], order: 'listed' } as unknown as Plan;
      const input = inputOf(made);
      const counts: number[] = [];
      for (const failing of [[], [3, 7, 8]]) {
        const flaky = new FlakyFileSystem(100);
        flaky.isFailing = failingAt(failing);
        const { source, rejects } = await openReplay(input, { fs: flaky.fs });
        const { bytesIn } = await readThrough(source, rejects);
        expect(flaky.failures).toBe(failing.length);
        counts.push(bytesIn);
      }
      expect(counts[1]).toBe(counts[0]);
    }
  });
});

describe('a replay behind a breaker', () => {
  it('waits while its file cannot be read, and goes on by itself', async () => {
    const prices = Array.from({ length: 200 }, (_, i) => i);
    const path = SCRATCH.writeNew(`time,symbol,price\n${linesOf(prices, false).join('\n')}\n`);
    const flaky = new FlakyFileSystem(100);
    const { source: inner, rejects } = await openReplay({ path, ...COLUMNS }, { fs: flaky.fs });
    let isDown = false;
    flaky.isFailing = () => isDown;
    const clock = new SimulatedClock();
    const breakers = { x: { failuresInRow: 2, openMs: 1_000, openFactor: 1, openJitter: 0 } };
    const resilience = new ResilienceCoordinator({ breakers, clock, seed: 1 });
    onTestFinished(() => resilience.close());
    const gate = createGate({ breaker: 'x' }, { use: 'feed', resilience, clock, log: silentLogger });
    const source = new GatedSource(inner, gate);
    const first = rowsIn((await source.read())!).map(({ price }) => price);
    isDown = true;
    const reading = readThrough(source, rejects);
    while (flaky.failures < 4) {
      await clock.advance(100);
      await setImmediate();
    }
    isDown = false;
    let isDone = false;
    const done = reading.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await clock.advance(100);
      await setImmediate();
    }
    const rest = await done;
    expect([...first, ...rest.prices]).toEqual(prices);
  });
});

describe('a replay that is read again after an error that will not pass', () => {
  it('fails with it again, however often, and gives nothing of what follows', async () => {
    const lines = linesOf([1, 2, null, 3, 4], false);
    const path = SCRATCH.writeNew(`time,symbol,price\n${lines.join('\n')}\n`);
    const rejects = new RecordedRejects({ keepsRows: false });
    const { source } = await openReplay({ path, ...COLUMNS }, { rejects });
    expect(rowsIn((await source.read())!).map(({ price }) => price)).toEqual([1, 2]);
    for (let i = 0; i < 3; i++) await expect(source.read()).rejects.toMatchObject({ code: 'ROW_INVALID' });
    expect(source.rowsRejected).toBe(1);
    await source.close?.();
  });

  it('never takes gzip data that are cut off for whole', async () => {
    const lines = linesOf(
      Array.from({ length: 3_000 }, (_, i) => (i * 7_919) % 10_007),
      false,
    );
    const packed = gzipSync(`time,symbol,price\n${lines.join('\n')}\n`);
    const path = SCRATCH.writeNew(packed.subarray(0, packed.length - 500));
    const { source } = await openReplay({ path, ...COLUMNS });
    const seen: unknown[] = [];
    for (let i = 0; i < 200; i++) {
      const read = await Promise.resolve(source.read()).catch((error: unknown) => error);
      expect(read).not.toBeNull();
      if (read instanceof Error) seen.push(read);
    }
    expect(seen.length).toBeGreaterThan(100);
    expect(new Set(seen.map((error) => (error as RuntimeError).code))).toEqual(new Set(['INPUT_CORRUPT']));
    await source.close?.();
  });
});
