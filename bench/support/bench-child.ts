/** Runs one bench and posts its results. Arguments: the bench's module, and a directory of its own. */
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BenchFunction } from './bench-result.js';

const [module = '', directory = ''] = process.argv.slice(2);
const name = basename(module, '.bench.js');
const bench: { readonly default: BenchFunction } = await import(pathToFileURL(module).href);
const results = await bench.default({
  quick: process.env.BENCH_QUICK === '1',
  directory,
  progress: (text) => void process.stderr.write(`${name}: ${text}\n`),
});
process.send?.(results);
process.disconnect?.();
