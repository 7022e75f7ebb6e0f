// Question: which files do the vector kernels decode faster than the scanner, and none slower?
//
// CSV → null sink, in one thread. CPU time of the process, in turns; the peer is our own scanner, as under
// TICKLOOM_NO_WASM=1.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { CSV_SHAPES, writeShape } from './support/csv-shapes.js';
import { median } from './support/measure.js';
import { runOurs } from './support/run-ours.js';

const ROWS = 1_000_000;
const QUICK_ROWS = 20_000;
const ROUNDS = 9;

export default async function benchCsvShapes(context: BenchContext): Promise<BenchResult[]> {
  const { quick, directory, progress } = context;
  const results: BenchResult[] = [];
  for (const shape of CSV_SHAPES) {
    progress(shape.name);
    const rows = Math.round((shape.share ?? 1) * (quick ? QUICK_ROWS : ROWS));
    const path = join(directory, 'shape.csv');
    await writeShape(path, shape, rows);
    const run = async (byKernels: boolean) => {
      if (byKernels) delete process.env.TICKLOOM_NO_WASM;
      else process.env.TICKLOOM_NO_WASM = '1';
      const before = process.cpuUsage();
      const source = { use: 'replay', path, ...shape.replay } as const;
      const { counters } = await runOurs({ name: 'shape', source, sink: { use: 'null' } });
      const { user, system } = process.cpuUsage(before);
      if (counters.rowsIn !== rows) throw new Error(`${shape.name}: ${counters.rowsIn} of ${rows} rows`);
      return (user + system) / 1_000;
    };
    const [kernels, scanner]: [number[], number[]] = [[], []];
    for (let round = 0; round <= (quick ? 1 : ROUNDS); round++) {
      const isFirst = round % 2 === 0;
      const one = await run(isFirst);
      const other = await run(!isFirst);
      if (round === 0) continue; // to warm up
      kernels.push(isFirst ? one : other);
      scanner.push(isFirst ? other : one);
    }
    await rm(path);
    const rate = (ms: readonly number[]) => (rows / median(ms)) * 1_000;
    const { name } = shape;
    results.push({ name, ours: true, perSecond: rate(kernels), unit: 'rows' });
    results.push({ name: 'by the scanner', ours: false, like: name, perSecond: rate(scanner), unit: 'rows' });
  }
  return results;
}
