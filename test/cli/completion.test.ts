import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { builtIn } from '../../src/registry/built-in.js';
import { scratchFolder } from '../support/recorded-data.js';

// The commands are those of the entry, which runs when it is imported: `npm test` builds it.
const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.cjs', import.meta.url));
const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const tickloom = (...args: string[]) =>
  spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', cwd: SCRATCH.folder });

const OWN = `import { z } from '${import.meta.resolve('zod')}';
export default {
  kind: 'source',
  name: 'wind-tunnel',
  summary: 'Of our own.',
  options: () => z.strictObject({}),
  load: () => { throw new Error('is not loaded to complete its name'); },
};
`;

const hasBash = spawnSync('bash', ['-c', 'complete -p; exit 0']).status === 0;

describe('tickloom completion', () => {
  it.each(['bash', 'zsh', 'fish'])('prints a script for %s with all commands and components', (shell) => {
    const { status, stdout, stderr } = tickloom('completion', shell);
    expect([status, stderr]).toEqual([0, '']);
    for (const word of [
      'run',
      'validate',
      'completion',
      'jobs',
      'checkpoints',
      'export',
      'other-spec',
      'help',
      'log-level',
      'LATE_ROW',
      'source',
      'CME.fx',
    ]) {
      expect(stdout).toContain(word);
    }
    for (const { name } of builtIn.all()) expect(stdout).toMatch(new RegExp(`[ (']${name}[ )']`));
    // As in the help, which does not say more.
    for (const [flag] of tickloom('run', '--help').stdout.matchAll(/--[a-z-]+/g)) {
      expect(stdout).toContain(flag.slice(2));
    }
  });

  it('knows the components of a module', () => {
    const module = SCRATCH.write('own.mjs', OWN);
    const { stdout, stderr } = tickloom('completion', 'bash', '--components', module);
    expect(stderr).toBe('');
    expect(stdout).toContain(' wind-tunnel');
  });

  it('refuses another shell', () => {
    const { status, stderr } = tickloom('completion', 'tcsh');
    expect(status).toBe(2);
    expect(stderr).toContain('Allowed choices are bash, zsh, fish');
  });
});

describe.runIf(hasBash)('bash, once it has the script', () => {
  SCRATCH.write('a spec.yaml', '');
  SCRATCH.write('bars.yaml', '');
  const script = SCRATCH.write('completion.bash', tickloom('completion', 'bash').stdout);
  /** @param words - As bash splits them: `--a=b` comes as three. */
  const completed = (...words: string[]): string[] => {
    const ask =
      'source "$0"; COMP_WORDS=(tickloom "$@"); COMP_CWORD=$#; _tickloom 2>/dev/null; ' +
      `IFS=$'\\n'; echo "\${COMPREPLY[*]}"`;
    const { stdout } = spawnSync('bash', ['-c', ask, script, ...words], {
      encoding: 'utf8',
      cwd: SCRATCH.folder,
    });
    return stdout.split('\n').filter((line) => line !== '');
  };

  it('has it for the command', () => {
    const { stdout } = spawnSync('bash', ['-c', 'source "$0"; complete -p tickloom', script], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('complete -F _tickloom tickloom\n');
  });

  it.each<[readonly string[], readonly string[]]>([
    [['r'], ['run', 'release', 'resume']],
    [['-'], ['-V', '--version', '-h', '--help']],
    [
      ['components', 'ba'],
      ['bars', 'batcher'],
    ],
    [['errors', 'LATE'], ['LATE_ROW']],
    [['help', 'ex'], ['explain']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['run', '--lo'], ['--log-level']],
    [
      ['run', '--log-level', ''],
      ['debug', 'info', 'warn', 'error', 'silent'],
    ],
    [['run', '--log-level', '=', 'd'], ['debug']],
    [
      ['run', 'bars.yaml', '--log-level', '='],
      ['debug', 'info', 'warn', 'error', 'silent'],
    ],
    [['run', 'a'], ['a spec.yaml']],
    [['run', '--settings', 'ba'], ['bars.yaml']],
    [['run', 'bars.yaml', '--duration', ''], []],
    [['nonsense', ''], []],
  ])('completes %j to %j', (words, expected) => {
    expect(completed(...words).toSorted()).toEqual(expected.toSorted());
  });
});
