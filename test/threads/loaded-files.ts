import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Notes each CommonJS file that the main thread loads, or any other thread. */
const noteLoaded = (thread: 'main' | 'other') => `
const { appendFileSync } = require('node:fs');
const { _extensions } = require('node:module');
if (require('node:worker_threads').isMainThread === ${thread === 'main'}) {
  const load = _extensions['.js']; // of .cjs files, too
  _extensions['.js'] = (module, file) => {
    appendFileSync(process.env.LOADED_FILE, file + '\\n');
    return load(module, file);
  };
}`;

/**
 * Returns the CommonJS files that a process loads in its main thread, or in all others.
 *
 * @param folder - Where the notes are kept.
 * @param args - For Node.
 */
export function loadedFiles(folder: string, thread: 'main' | 'other', args: readonly string[]): string[] {
  const script = join(folder, 'note-loaded.cjs');
  const notes = join(folder, 'loaded.txt');
  writeFileSync(script, noteLoaded(thread));
  writeFileSync(notes, '');
  execFileSync(process.execPath, ['--require', script, ...args], {
    env: { ...process.env, LOADED_FILE: notes },
    stdio: 'pipe',
  });
  return readFileSync(notes, 'utf8').trim().split('\n');
}

/** Returns the paths of the sources, from the root, that a file of the build was made from. */
export function sourcesOf(file: string): string[] {
  if (basename(file) === 'rolldown-runtime.cjs') return []; // the bundler's own
  const { sources } = JSON.parse(readFileSync(`${file}.map`, 'utf8')) as { readonly sources: string[] };
  return sources.map((source) => source.replace(/^(?:\.\.\/)+/, ''));
}
