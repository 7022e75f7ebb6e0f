import { readFileSync } from 'node:fs';
import { globSync } from 'tinyglobby';
import { configDefaults, defineConfig } from 'vitest/config';
import { DEEP } from './test/support/deep.js';
import { temporaryRoot } from './test/support/temporary-root.js';

// The build puts compiled copies beside the sources: only what is under test/ is a test.
const TESTS = 'test/**/*.test.ts';
/** Real threads and processes: on a real disk. */
const THREADS = ['test/threads/**/*.test.ts', 'test/chaos/**/*.test.ts', 'test/cli/cli.test.ts'];
/**
 * They look at how long something took, or at how much was granted in a time, and have only so many tries for it; or
 * they start more threads and processes than there are processors, several times over: not beside others.
 */
const ALONE = [
  'test/threads/{breaker,rate,planning,hanging-stages,sync-turns,network-storm,watchdog}.test.ts',
  'test/threads/{many-processes,runs-at-once,taken-over-processes}.test.ts',
  'test/chaos/**/*.test.ts',
];
/** They put their own module in the place of one that other tests load: not in a thread with others. */
const MOCKING = ['test/resilience/*/interleavings.test.ts'];

/** Deep runs are of the tests that look deeper then: those that say how many of something they try. */
const LOOKS_DEEPER = /\bfrom '[./]+\/support\/(?:deep|crash-at)\.js'/;
const OTHERS = DEEP ? globSync(TESTS).filter((path) => !LOOKS_DEEPER.test(readFileSync(path, 'utf8'))) : [];
const EXCLUDED = [...configDefaults.exclude, ...OTHERS];

export default defineConfig({
  test: {
    // For what hangs, not for what is slow: machines that test for many take several times as long.
    testTimeout: DEEP ? 600_000 : 180_000,
    hookTimeout: 180_000,
    setupFiles: 'test/support/property-seed.ts',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          include: [TESTS],
          exclude: [...EXCLUDED, ...THREADS, ...MOCKING],
          // What sources and libraries take to load is more than most tests take.
          isolate: false,
          sequence: { groupOrder: 0 },
          globalSetup: 'test/support/temporary-root.ts',
          env: { TMPDIR: temporaryRoot() },
        },
      },
      {
        extends: true,
        test: { name: 'interleavings', include: MOCKING, exclude: EXCLUDED, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'threads',
          include: THREADS,
          exclude: [...EXCLUDED, ...ALONE],
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ALONE,
          exclude: EXCLUDED,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
