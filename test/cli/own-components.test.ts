import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// Threads run the build, so this does, too: `npm test` makes it.
const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));

const EVERY = `import { z } from 'zod';
export default {
  kind: 'operator',
  name: 'every',
  summary: 'Keeps each nth row.',
  loads: () => 'javascript',
  options: async () =>
    z.strictObject({ nth: z.int('expected a whole number').min(1, 'expected 1 or more').default(2).describe('Which one') }),
  load: async () => ({
    plan: (options, input) => input,
    create: ({ nth }, output) => {
      let seen = 0;
      return {
        output,
        process(batch, emit) {
          let kept = 0;
          for (let row = 0; row < batch.length; row++) {
            if (++seen % nth !== 0) continue;
            for (const column of batch.columns) {
              const width = column.length / batch.capacity;
              column.copyWithin(kept * width, row * width, (row + 1) * width);
            }
            kept++;
          }
          batch.length = kept;
          emit(batch);
        },
      };
    },
  }),
};`;
const spec = (operator: string) => `name: thinned
source: { use: synthetic, rows: 10 }
operators:
  - ${operator}
sink: { use: "null" }
`;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickloom-components-'));
  // As npm would: packages of the user's, and one with components.
  await mkdir(join(folder, 'node_modules', 'ticks-every'), { recursive: true });
  await symlink(resolve('node_modules/zod'), join(folder, 'node_modules', 'zod'));
  const manifest = { name: 'ticks-every', type: 'module', exports: { '.': { import: './index.js' } } };
  await write('node_modules/ticks-every/package.json', JSON.stringify(manifest));
  await write('node_modules/ticks-every/index.js', EVERY);
  await write('every.mjs', EVERY);
  await write('settings.yaml', 'maxThreads: 2\ncomponents:\n  - ticks-every\n');
  await write('spec.yaml', spec('{ use: every, nth: 3 }'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFile(join(folder, name), text);

function tickloom(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [MAIN, ...args], { cwd: folder }, (_error, out, err) =>
      done({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

describe('components of one’s own on the command line', () => {
  it.each([
    ['a package of the settings', ['--settings', 'settings.yaml']],
    ['a file after --components', ['--components', './every.mjs']],
  ])('are run and validated from %s', async (_what, args) => {
    const { code, out } = await tickloom('run', 'spec.yaml', '--json', ...args);
    expect(code).toBe(0);
    expect(JSON.parse(out).jobs).toMatchObject([{ outcome: 'completed', rowsIn: 10, rowsOut: 3 }]);
    expect(await tickloom('validate', 'spec.yaml', ...args)).toMatchObject({ code: 0, err: '' });
  });

  it('have what is wrong with their options told with line and column of the spec', async () => {
    await write('spec.yaml', spec('{ use: every, nth: 0 }'));
    const { code, err } = await tickloom('validate', 'spec.yaml', '--components', './every.mjs');
    expect({ code, err }).toEqual({
      code: 2,
      err: 'spec.yaml:4:19 operators[0].nth: expected 1 or more, found 0\n',
    });
  });

  it('are listed with their options and where they are from, and are in the schema', async () => {
    const { code, out } = await tickloom('components', 'every', '--settings', 'settings.yaml');
    expect({ code, out }).toEqual({
      code: 0,
      out:
        'operator every: Keeps each nth row.\n  from ticks-every\n' +
        '  nth (integer from 1, default 2)\n      Which one\n',
    });
    const listed = await tickloom('components', '--json', '--components', './every.mjs');
    expect(JSON.parse(listed.out).components.at(-1)).toMatchObject({
      name: 'every',
      loads: 'by its options',
      module: './every.mjs',
    });
    const schema = await tickloom('schema', '--settings', 'settings.yaml');
    expect(schema.out).toContain('"const": "every"');
    expect((await tickloom('schema')).out).not.toContain('"const": "every"');
  });

  it('are listed with the options whose texts are kept out of logs', async () => {
    const options = 'z.strictObject({ key: z.string().meta({ writeOnly: true }).optional() })';
    const keyed = `import { z } from 'zod';
      export default { kind: 'sink', name: 'keyed', summary: 'Has a key.', options: () => ${options}, load() {} };`;
    await write('keyed.mjs', keyed);
    const { out } = await tickloom('components', 'keyed', '--components', './keyed.mjs');
    expect(out).toContain('  key (string, secret)\n');
  });

  it('are known to the commands that look into outputs', async () => {
    const sink = `{ files: ({ path }) => ({ writes: [{ path, at: ['path'] }] }), create: () => ({}) }`;
    const options = 'z.strictObject({ path: z.string() })';
    await write(
      'mine.mjs',
      `import { z } from 'zod';
      export default { kind: 'sink', name: 'mine', summary: 'Writes.', options: () => ${options}, load: () => (${sink}) };`,
    );
    const branches = '[{ use: mine, path: mine.out }, { use: csv, path: b.csv }]';
    await write(
      'two.yaml',
      `name: two\nsource: { use: synthetic, rows: 1 }\nsink: { use: tee, branches: ${branches} }\n`,
    );
    const components = ['--components', './mine.mjs'];
    const listed = await tickloom('parts', 'two.yaml', ...components);
    expect(listed).toMatchObject({ code: 0, out: '' });
    expect(listed.err).toBe(
      'mine.out: nothing is there yet; two.yaml writes to it\nb.csv: nothing is there yet; two.yaml writes to it\n',
    );
    expect(await tickloom('release', 'two.yaml', ...components)).toMatchObject({ code: 0 });
    await write('mine.yaml', 'components: [./mine.mjs]\n');
    expect(await tickloom('parts', 'two.yaml', '--settings', 'mine.yaml')).toMatchObject({ code: 0 });
    const half = await tickloom('parts', 'two.yaml');
    expect(half.code).toBe(2);
    expect(half.err).toContain('sink.branches[0].use: expected the name of a sink');
    expect(half.err).toContain('b.csv: nothing is there yet');
  });

  it('are asked for by a name that is not there with where to name their module', async () => {
    const { code, err } = await tickloom('components', 'every');
    expect(code).toBe(2);
    expect(err).toContain('for a component of your own, name its module in "components" of the settings');
  });

  it('are refused with how to find where their module is no JavaScript', async () => {
    await write('every.mjs', 'export default {\n  kind: sink;\n};');
    const { err } = await tickloom('components', '--components', './every.mjs');
    expect(err).toContain('Unexpected token \';\'; "node --check" of its file');
  });

  it('are refused by the argument alone where all of the settings is well', async () => {
    const args = ['--settings', 'settings.yaml', '--components', './every.mjs'];
    const { err } = await tickloom('components', ...args);
    expect(err).toMatch(/^Invalid options in "--components":\n {2}- --components: /);
  });

  it.each(['run', 'validate', 'components', 'schema'])(
    'are refused by %s with the place of their module in the settings, or the argument',
    async (command) => {
      await write('settings.yaml', 'components:\n  - ticks-every\n  - ./broken.mjs\n');
      await write('broken.mjs', 'process.exit(3);');
      const specs = ['run', 'validate'].includes(command) ? ['spec.yaml'] : [];
      const args = ['--settings', 'settings.yaml', '--components', './every.mjs'];
      const { code, out, err } = await tickloom(command, ...specs, ...args);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      expect(err).toContain('settings.yaml:3:5 components[1]: module "./broken.mjs": it ended its thread');
      expect(err).toContain(
        '--components: module "./every.mjs" declares the operator "every", and module "ticks-every" has one of that name',
      );
    },
  );
});
