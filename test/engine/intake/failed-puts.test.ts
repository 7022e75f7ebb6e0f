import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/columns/batch.js';
import type { PlacedControl } from '../../../src/columns/control-record.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Nanos } from '../../../src/core/units.js';
import { SourceIntake } from '../../../src/engine/intake/source-intake.js';
import { stopOnReject } from '../../../src/engine/rejects.js';
import type { Source } from '../../../src/engine/source.js';
import type { OverflowPolicy } from '../../../src/settings/overflow-policy.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { batchOf } from '../../support/batch-rows.js';
import { FailingMemory } from '../../support/failing-memory.js';
import { TRADES } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

const START = 1_700_000_000_000_000_000n;
const COUNT = 12;

/** A live source of the trades 1, 2, 3, …, one a read, from which it can be read again. Then it is silent. */
function numbers(dictionaries: DictionarySet, controls: (n: number) => PlacedControl[] = () => []) {
  let next = 0;
  const source: Source = {
    schema: TRADES,
    tellsTime: true,
    capabilities: { delivery: 'resumable', bounded: false },
    async read() {
      next++;
      if (next > COUNT) return new Promise<null>(() => {});
      const row = { time: START + BigInt(next), symbol: `S${next % 7}`, price: next };
      return batchOf(TRADES, dictionaries, [row], { controls: controls(next) });
    },
    position: () => next,
    stop() {},
    resume() {},
  };
  return source;
}

function intakeOf(stage: Source, dictionaries: DictionarySet, overflow: OverflowPolicy) {
  return new SourceIntake({
    source: { id: 'source', use: 'numbers', stage },
    queue: { batches: 4, rows: 4, bytes: 1e9, overflow },
    dictionaries,
    rejects: stopOnReject(),
    clock: new SimulatedClock({ wall: START }),
    log: silentLogger,
    isHeld: () => false,
    isCutDue: () => false,
    onChange: () => {},
  });
}

async function readAhead(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

function takeAll(intake: SourceIntake): number[] {
  const prices: number[] = [];
  for (let batch: Batch | null | undefined = intake.take(); batch; batch = intake.take()) {
    prices.push(...batch.float64('price').subarray(0, batch.length));
    batch.release();
  }
  return prices;
}

/** What was delivered before a failure and comes again behind the place of a checkpoint after it. */
const twice = (intake: SourceIntake, delivered: readonly number[]) =>
  delivered.filter((price) => price > Number(intake.resumePoint().position));

describe.each(['conflate', 'drop-oldest', 'drop-newest'] as const)(
  'a batch that cannot be put into a queue that does %s',
  (overflow) => {
    it('comes again as a whole where memory was exhausted', async () => {
      let failures = 0;
      for (let failsAfter = 0; failsAfter < 40; failsAfter++) {
        const dictionaries = new DictionarySet(new FailingMemory(failsAfter));
        const intake = intakeOf(numbers(dictionaries), dictionaries, overflow);
        intake.take();
        await readAhead();
        const delivered = takeAll(intake);
        if (!intake.failure) continue;
        failures++;
        expect(twice(intake, delivered)).toEqual([]);
        const { rowsRead, rowsLeftOut } = intake.taken;
        expect(rowsRead).toBe(delivered.length + rowsLeftOut);
      }
      expect(failures).toBeGreaterThan(0);
    });
  },
);

describe('a batch whose control records are too many for the queue', () => {
  it('comes again as a whole', async () => {
    const dictionaries = new DictionarySet();
    const gap = (n: number): PlacedControl => {
      const at = (START + BigInt(n)) as Nanos;
      return { row: 0, record: { type: 'gap', from: at, to: at, reason: 'test' } };
    };
    const many = (n: number) => (n === 2 || n === 4 ? Array.from({ length: 40_000 }, (_, i) => gap(i)) : []);
    const stage = numbers(dictionaries, many);
    const intake = intakeOf(stage, dictionaries, 'conflate');
    intake.take();
    await readAhead();
    const delivered = takeAll(intake);
    expect(intake.failure).toMatchObject({ of: 'read', error: { code: 'QUEUE_FULL' } });
    expect(twice(intake, delivered)).toEqual([]);
    expect(delivered.length).toBeGreaterThan(0);
  });
});
