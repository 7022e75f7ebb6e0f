import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

describe('a thread without WebAssembly', () => {
  it('reads CSV as one with it does', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tickloom-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const rows = Array.from(
      { length: 3_000 },
      (_, i) => `${1_704_153_600_000 + i},S${i % 7},${i / 8},"${i}"\n`,
    );
    await writeFile(join(folder, 'ticks.csv'), `time,symbol,price,size\n${rows.join('')}`);
    const columns = '{ time: { from: time, unit: ms }, symbol: symbol, price: price, size: size }';
    const run = async (name: string, flags: readonly string[]) => {
      const spec = `name: ${name}\nsource: { use: replay, path: ticks.csv, kind: trade, columns: ${columns} }\nsink: { use: jsonl, path: ${name} }\n`;
      await writeFile(join(folder, `${name}.yaml`), spec);
      await promisify(execFile)(process.execPath, [...flags, MAIN, 'run', `${name}.yaml`], { cwd: folder });
      const [part] = await readdir(join(folder, name));
      return readFile(join(folder, name, part!), 'utf8');
    };
    const withIt = await run('with', []);
    expect(withIt.trimEnd().split('\n')).toHaveLength(3_000);
    expect(await run('without', ['--jitless'])).toBe(withIt);
  });
});
