import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { describe, expect, it, onTestFinished } from 'vitest';

const SERVICE = `
  const spec = { name: 'bundled', source: { use: 'synthetic', rows: 10 }, sink: { use: 'null' } };
  async function main() {
    console.log('here', (await createPipeline(spec).run()).outcome);
    const runtime = await createRuntime();
    console.log('thread', (await (await runtime.submit(spec)).outcome).outcome);
    await runtime.close();
  }
  main().catch(({ code, message }) => console.log(code, message));`;

/** What a service prints that imports tickloom from there and was bundled as CommonJS. */
async function printedBy(from: string, external: RegExp[]): Promise<string> {
  // In the repository, so that `tickloom` is this package.
  mkdirSync('out', { recursive: true });
  const folder = mkdtempSync(join('out', 'bundled-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const input = join(folder, 'service.mjs');
  writeFileSync(input, `import { createPipeline, createRuntime } from '${from}';${SERVICE}`);
  const bundle = await rolldown({ input, platform: 'node', external });
  const file = join(folder, 'bundle', 'service.cjs');
  await bundle.write({ file, format: 'cjs', codeSplitting: false });
  await bundle.close();
  return execFileSync(process.execPath, [file], { encoding: 'utf8' });
}

describe('a service that was bundled', () => {
  it('runs jobs in threads where tickloom was left out', async () => {
    expect(await printedBy('tickloom', [/^tickloom(\/|$)/])).toBe('here completed\nthread completed\n');
  });

  it('is told to leave tickloom out where it was not', async () => {
    const printed = await printedBy(resolve('dist/src/index.cjs'), []);
    expect(printed).toMatch(/^here completed\nTHREAD_NOT_STARTED Expected the entry of the threads at /);
    expect(printed).toContain(
      'mark "tickloom" and its sub-paths as external (docs/bundlers.md in the package)',
    );
  });
});
