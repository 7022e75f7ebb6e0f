/**
 * A process with Polars that makes Parquet files of CSV files when it is asked to, and posts what each took.
 * Polars reads POLARS_MAX_THREADS once, when it is loaded.
 */
import { createRequire } from 'node:module';
import { timesOfRun } from './measure.js';
import type { PolarsReady } from './polars.js';
import { loadPolars, type Polars, type PolarsWork, workByPolars } from './polars-work.js';

const post = (message: unknown) => void process.send?.(message);
const polars = load();
if (polars === undefined) process.disconnect?.();
else {
  process.on('message', async (work: PolarsWork) => {
    post(await timesOfRun(() => workByPolars(polars, work)));
  });
}

function load(): Polars | undefined {
  try {
    const loaded = loadPolars();
    const require = createRequire(import.meta.url);
    const { version }: { readonly version: string } = require('nodejs-polars/package.json');
    post({ version } satisfies PolarsReady);
    return loaded;
  } catch (error) {
    const [missing = ''] = String((error as Error).message).split('\n');
    post({ missing } satisfies PolarsReady);
    return undefined;
  }
}
