// Adds files that break the rules to the sources, in memory, and expects each to be found.
// Then puts a cycle on the disk, which is for Biome to find.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { readSources, violations } from './layers.mjs';

const sources = readSources();
const CROSSED = [
  ['src/core', "export { durationNs } from '../settings/duration.js';"],
  ['src/core', "export type { Sink } from '../engine/sink.js';"],
  ['src/columns', "import { Disk } from '../outputs/disk/disk.js';"],
  ['src/wire', "export const load = () => import('../telemetry/logger.js');"],
  ['src/outputs/parts', "export type { Sink } from '../../engine/sink.js';"],
  ['src/engine', "import {\n  openBreaker,\n} from '../stages/sources/replay/replay.js';"],
  ['src/formats/csv', "import '../../stages/sources/replay/replay.js';"],
  ['src/stages/sinks/csv', "import { parquetSink } from '../parquet/parquet.js';"],
  ['src/stages/sources/replay', "export * from '../../operators/bars/bars.js';"],
  ['src/stages/sources/replay', "import { guardSource } from '../../../providers/guard-source.js';"],
  ['src/resilience/rate', "export type { Source } from '../../engine/source.js';"],
  ['src/providers', "export { resolveSpec } from '../plan/resolve-spec.js';"],
  ['src/registry', "export type { Job } from '../supervision/job.js';"],
  ['src/hosts', "export type { Job } from '../supervision/job.js';"],
  ['src/supervision', "export { run } from '../runtime/runtime.js';"],
  ['src/supervision', "export type { StartClaim } from '../service/start-order.js';"],
  ['src/service', "export { run } from '../runtime/runtime.js';"],
  ['src/runtime', "export * from '../index.js';"],
  ['src/nobody-knows', "export * from '../core/units.js';"],
  ['workers', "export { run } from '../src/runtime/runtime.js';"],
  ['workers', "export type { Job } from '../src/supervision/job.js';"],
];

let missed = 0;
const expectFound = (what, isFound) => {
  if (isFound) return;
  missed++;
  console.error(`not found: ${what}`);
};

expectFound('sources that keep the rules', violations(sources).length === 0);
for (const [folder, code] of CROSSED) {
  const path = `${folder}/zz-probe.ts`;
  const found = violations(new Map([...sources, [path, code]]));
  expectFound(`${path}: ${code}`, found.length === 1 && found[0].startsWith(`${path}: `));
}
const PART = 'src/engine/streaming-pipeline.ts';
const withZod = new Map([...sources, [PART, `${sources.get(PART)}\nimport { z } from 'zod';`]]);
expectFound('Zod in a thread', violations(withZod)[0]?.endsWith('import its types only'));

// A cycle of types alone is one, too.
const CYCLE = ['src/core/zz-one.ts', 'src/core/zz-two.ts'];
for (const keyword of ['export', 'export type']) {
  writeFileSync(CYCLE[0], `${keyword} { probe } from './zz-two.js';\n`);
  writeFileSync(CYCLE[1], `export { probe } from './zz-one.js';\n`);
  try {
    const { stdout, stderr } = spawnSync('node_modules/.bin/biome', ['lint', CYCLE[0]], { encoding: 'utf8' });
    expectFound(`a cycle of "${keyword}"`, `${stdout}${stderr}`.includes('noImportCycles'));
  } finally {
    for (const path of CYCLE) rmSync(path);
  }
}
console.log(missed === 0 ? 'all were found' : `${missed} were not found`);
process.exitCode = missed === 0 ? 0 : 1;
