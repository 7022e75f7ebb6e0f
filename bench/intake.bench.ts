// Question: does a live source lose trades at a million rows a second while its sink stalls for 200 ms of
// each second?
//
// The venue sends by the clock and keeps 20,000 rows for a reader that is behind: what is more is lost. There
// are no peers, since the question is about our queue. The bench fails if a trade was lost.
import { setTimeout as sleep } from 'node:timers/promises';
import { createPipeline } from '../src/runtime/pipeline-builder.js';
import { callbackSink } from '../src/stages/sinks/callback.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { venue } from './support/venue.js';

const ROWS_PER_SECOND = 1_000_000;
const SECONDS = 5;
const STALL_MS = 200;

export default async function benchIntake(context: BenchContext): Promise<BenchResult[]> {
  const rows = ROWS_PER_SECOND * (context.quick ? 1 : SECONDS);
  const { source, told } = venue({ rowsPerSecond: ROWS_PER_SECOND, rows });
  let stalledAt = performance.now();
  let stalls = 0;
  const sink = callbackSink(async () => {
    if (performance.now() - stalledAt < 1_000 - STALL_MS) return;
    stalls++;
    await sleep(STALL_MS);
    stalledAt = performance.now();
  });
  context.progress(`${rows} trades at ${ROWS_PER_SECOND} a second`);
  const cpu = process.cpuUsage();
  const began = performance.now();
  const report = await createPipeline({ name: 'intake' }, { source, sink }).run();
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const { rowsIn, rowsOut, rowsDropped } = report.counters;
  if (report.outcome !== 'completed' || told.lost > 0 || rowsOut !== rows) {
    throw new Error(
      `Expected ${rows} trades at the sink, found ${rowsOut} (${rowsIn} read, ${rowsDropped} dropped, ` +
        `${told.lost} lost at the venue, ${report.outcome})`,
    );
  }
  return [
    {
      name: `tickloom, ${stalls} stalls of ${STALL_MS} ms`,
      ours: true,
      perSecond: rows / seconds,
      unit: 'rows',
    },
    { name: 'lost rows', ours: true, value: told.lost, unit: 'rows' },
    {
      name: 'CPU time a million rows',
      ours: true,
      value: (user + system) / 1_000 / (rows / 1_000_000),
      unit: 'ms',
    },
  ];
}
