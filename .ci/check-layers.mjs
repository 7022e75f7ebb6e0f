// Puts files that break the rules beside the sources, and expects the linter to refuse each.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';

const BIOME = 'node_modules/.bin/biome';
const PROBE = 'zz-layer-probe.ts';
const broken = [
  ['src/core', "export { replay } from '../settings/duration.js';", 'noRestrictedImports'],
  ['src/pipeline', "export { replay } from '../sources/replay.js';", 'noRestrictedImports'],
  ['src/sinks/files', "export { replay } from '../../sources/replay.js';", 'noRestrictedImports'],
  ['src/outputs', "export type { Sink } from '../pipeline/sink.js';", 'noRestrictedImports'],
  ['src/core', "export { Disk } from '../outputs/disk.js';", 'noRestrictedImports'],
  ['src/operators', "export { z } from 'zod';", 'noRestrictedImports'],
  ['src/pipeline', "export { openBreaker } from '../breaker/open-breaker.js';", 'noRestrictedImports'],
  ['src/sources', "export { openBreaker } from '../breaker/open-breaker.js';", 'noRestrictedImports'],
  ['src/core', "export { openBreaker } from '../breaker/open-breaker.js';", 'noRestrictedImports'],
  ['src/breaker', "export type { Source } from '../pipeline/source.js';", 'noRestrictedImports'],
  ['src/breaker', "export { resolveWithFiles } from '../registry/resolve-spec.js';", 'noRestrictedImports'],
  ['src/rate', "export type { Source } from '../pipeline/source.js';", 'noRestrictedImports'],
  ['src/breaker', "export { Pacer } from '../rate/pacer.js';", 'noRestrictedImports'],
  ['src/sources', "export { guardSource } from '../guard/guard-source.js';", 'noRestrictedImports'],
  ['src/guard', "export { resolveWithFiles } from '../registry/resolve-spec.js';", 'noRestrictedImports'],
  ['src/registry', "export type { Job } from '../supervisor/job.js';", 'noRestrictedImports'],
  ['src/supervisor', "export { run } from '../runtime/runtime.js';", 'noRestrictedImports'],
  ['workers', "export { run } from '../src/runtime/runtime.js';", 'noRestrictedImports'],
];

// A cycle takes two files. One of types alone is one, too.
const OTHER = 'src/core/zz-cycle-probe.ts';
broken.push(['src/core', "export { probe } from './zz-cycle-probe.js';", 'noImportCycles']);
broken.push(['src/core', "export type { probe } from './zz-cycle-probe.js';", 'noImportCycles']);
writeFileSync(OTHER, `export { probe } from './${PROBE.replace('.ts', '.js')}';\n`);

let missed = 0;
for (const [folder, code, rule] of broken) {
  const path = `${folder}/${PROBE}`;
  writeFileSync(path, `${code}\n`);
  try {
    const { stdout, stderr, status } = spawnSync(BIOME, ['lint', path], { encoding: 'utf8' });
    if (status === 0 || !`${stdout}${stderr}`.includes(rule)) {
      missed++;
      console.error(`${path}: expected ${rule} to refuse: ${code}\n${stdout}${stderr}`);
    }
  } finally {
    rmSync(path);
  }
}
rmSync(OTHER);
console.log(`${broken.length - missed} of ${broken.length} were refused`);
process.exitCode = missed === 0 ? 0 : 1;
