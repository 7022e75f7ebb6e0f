import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import { LiveIntake } from '../../../src/engine/intake/live-intake.js';
import { batchOf } from '../../support/batch-rows.js';
import { feedOf, TRADES } from '../../support/pipeline-rig.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { RecordedRejects, stageContext } from '../../support/stage-context.js';

const START = 1_700_000_000_000_000_000n;

function intakeOf() {
  const clock = new SimulatedClock({ wall: START });
  const rejects = new RecordedRejects();
  const feed = feedOf(TRADES, { order: { scope: 'symbol', maxDelayNs: 0 }, delivery: 'live-only' });
  const source = feed.make(stageContext({ clock, rejects }));
  const intake = new LiveIntake({ id: 'source', use: 'feed', stage: source }, rejects, clock);
  const receive = (...times: bigint[]) => {
    const batch = batchOf(
      TRADES,
      new DictionarySet(),
      times.map((time) => ({ time, symbol: 'A', price: 1 })),
    );
    intake.receive(batch);
    return batch.controls.flatMap(({ record }) => ('at' in record ? [record.at] : []));
  };
  return { clock, rejects, intake, receive };
}

describe('the intake of a live source', () => {
  it('goes on from a checkpoint: no watermark behind the last one, and rows counted from there', async () => {
    const first = intakeOf();
    expect(first.receive(START + 5_000_000_000n)).toEqual([START + 5_000_000_000n]);
    const second = intakeOf();
    second.intake.restore(JSON.parse(JSON.stringify(first.intake.snapshot())));
    expect(second.receive(START)).toEqual([]); // an older row: time has come further
    expect(second.receive(START + 86_400_000_000_001n * 2n)).toEqual([]);
    expect(second.rejects.rows).toMatchObject([{ line: 3 }]);
  });

  it('goes on from a checkpoint with the lags that are to be expected', () => {
    const second = 1_000_000_000n;
    const first = intakeOf();
    first.receive(START, START - 3n * second);
    const next = intakeOf();
    next.intake.restore(JSON.parse(JSON.stringify(first.intake.snapshot())));
    expect(next.receive(START + 20n * second)).toEqual([START + 17n * second]);
  });

  it('goes on from a checkpoint of before its first row', () => {
    const { intake, receive } = intakeOf();
    intake.restore(intakeOf().intake.snapshot());
    expect(receive(START)).toEqual([START]);
  });

  it.each([
    null,
    {},
    { rowsSeen: 1 },
    { rowsSeen: 'x', watermark: null },
    { rowsSeen: 1, watermark: 'late' },
    { rowsSeen: 1, watermark: null, lagSpread: 3 },
  ])('refuses the state %j', (state) => {
    expect(() => intakeOf().intake.restore(state as never)).toThrow('Expected the state "intake"');
  });
});
