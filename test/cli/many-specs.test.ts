import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadSettings } from '../../src/cli/load-settings.js';
import { loadSpecs } from '../../src/cli/load-specs.js';

/** Checks so many specs in one file, each with an output of this name. */
async function check(count: number, output: (i: number) => string) {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const specs = Array.from(
    { length: count },
    (_, i) =>
      `name: spec${i}\nsource: { use: synthetic, rows: 1 }\n` +
      `sink: { use: csv, path: ${JSON.stringify(join(folder, output(i)))} }\n`,
  );
  const file = join(folder, 'specs.yaml');
  writeFileSync(file, specs.join('---\n'));
  return loadSpecs([file], [], await loadSettings(undefined));
}

describe('many specs that are checked at once', () => {
  it('are all sound where no files can meet', async () => {
    const checked = await check(200, (i) => `out/${i}.csv`);
    expect(checked.filter((spec) => 'resolved' in spec)).toHaveLength(200);
  });

  it('are each told of the first of them where all write one file', async () => {
    const checked = await check(200, () => 'out.csv');
    const problems = checked.flatMap((spec) => ('problems' in spec ? spec.problems : []));
    expect(problems).toHaveLength(199);
    for (const problem of problems) expect(problem).toContain('where sink.path of spec "spec0" writes');
  });
});
