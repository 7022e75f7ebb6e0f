// Installs the packed package into projects of other people's making, and uses it there: compilers of two majors,
// every way in which they resolve modules, CommonJS and ES modules, jest and vitest.
// node .ci/check-consumers.mjs FOLDER TARBALL
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const repository = process.cwd();
const folder = process.argv[2];
cpSync(join(repository, '.ci/consumers'), folder, {
  recursive: true,
  filter: (path) => !path.endsWith('node_modules'),
});

/** Runs in the folder, and gives what was printed. */
function run(command, args, cwd = folder) {
  try {
    return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    console.error(`${command} ${args.join(' ')} failed in ${cwd}`, error.stdout, error.stderr);
    throw error;
  }
}

run('npm', ['ci', '--ignore-scripts']);
run('npm', ['install', '--no-save', '--ignore-scripts', resolve(process.argv[3])]);

const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: false,
  skipLibCheck: false,
  target: 'es2022',
  rootDir: '.',
  typeRoots: [join(repository, 'node_modules', '@types')],
  types: ['node'],
};
const COMPILERS = {
  'TypeScript 5': join(folder, 'node_modules', '.bin', 'tsc'),
  'TypeScript 7': join(repository, 'node_modules', '.bin', 'tsc'),
};
const WAYS = [
  { module: 'node16', types: ['commonjs', 'module'] },
  { module: 'nodenext', types: ['commonjs', 'module'] },
  { module: 'preserve', moduleResolution: 'bundler', types: ['module'] },
  { module: 'esnext', moduleResolution: 'bundler', types: ['module'] },
];
const PRINTED = '10 completed up true true';

for (const [compiler, tsc] of Object.entries(COMPILERS)) {
  for (const { types, ...way } of WAYS) {
    for (const type of types) {
      const name = [compiler.replace(' ', ''), ...Object.values(way), type].join('-');
      const project = join(folder, name);
      mkdirSync(project, { recursive: true });
      cpSync(join(folder, 'strict.ts'), join(project, 'strict.ts'));
      writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type }));
      const compilerOptions = { ...STRICT, ...way, outDir: 'built' };
      writeFileSync(
        join(project, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['strict.ts'] }),
      );
      run(tsc, ['-p', project]);
      const printed = run('node', [join(project, 'built', 'strict.js')]).trim();
      if (printed !== PRINTED) throw new Error(`${name}: expected "${PRINTED}", found "${printed}"`);
      console.log(`ok: ${name} compiles and runs`);
    }
  }
}

writeFileSync(join(folder, 'jest.config.cjs'), "module.exports = { testMatch: ['**/*.jest.cjs'] };\n");
run(join(folder, 'node_modules', '.bin', 'jest'), ['--ci', '--detectOpenHandles']);
console.log('ok: tests with jest');
writeFileSync(
  join(folder, 'vitest.config.mjs'),
  "export default { test: { include: ['*.vitest.mjs'], watch: false } };\n",
);
run('node', [join(repository, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--root', folder]);
console.log('ok: tests with vitest');
