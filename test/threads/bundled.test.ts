import { spawnSync } from 'node:child_process';
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

/** What a service prints that imports tickloom from there and was bundled, as CommonJS if nothing else is asked. */
async function printedBy(from: string, external: RegExp[], format: 'cjs' | 'es' = 'cjs'): Promise<string> {
  // In the repository, so that `tickloom` is this package.
  mkdirSync('out', { recursive: true });
  const folder = mkdtempSync(join('out', 'bundled-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const input = join(folder, 'service.mjs');
  writeFileSync(input, `import { createPipeline, createRuntime } from '${from}';${SERVICE}`);
  const bundle = await rolldown({ input, platform: 'node', external });
  const file = join(folder, 'bundle', format === 'cjs' ? 'service.cjs' : 'service.mjs');
  await bundle.write({ file, format, codeSplitting: false });
  await bundle.close();
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
  return stdout + stderr;
}

describe('a service that was bundled', () => {
  it('runs jobs in threads where tickloom was left out', async () => {
    expect(await printedBy('tickloom', [/^tickloom(\/|$)/])).toBe('here completed\nthread completed\n');
  });

  it.each(['cjs', 'es'] as const)(
    'is told at its start to leave tickloom out where it was not (%s)',
    async (format) => {
      const printed = await printedBy('tickloom', [], format);
      expect(printed).toContain(
        'Expected "tickloom" in node_modules, found it bundled into a file of something else: mark "tickloom" and ' +
          'its sub-paths as external (docs/bundlers.md in the package)',
      );
      expect(printed).not.toContain('here completed');
    },
  );

  it('is told by its threads to leave tickloom out where it has the file for `require` in it', async () => {
    const printed = await printedBy(resolve('dist/src/index.cjs'), []);
    expect(printed).toMatch(/^here completed\nTHREAD_NOT_STARTED Expected the entry of the threads at /);
    expect(printed).toContain(
      'mark "tickloom" and its sub-paths as external (docs/bundlers.md in the package)',
    );
  });
});
