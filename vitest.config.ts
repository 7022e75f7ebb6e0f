import { defineConfig } from 'vitest/config';
import { DEEP } from './test/support/deep.js';
import { temporaryRoot } from './test/support/temporary-root.js';

// The build puts compiled copies beside the sources: only what is under test/ is a test.
const TESTS = 'test/**/*.test.ts';
/** Real threads and processes, and how long they take: not beside others, and on a real disk. */
const ALONE = ['test/threads/**/*.test.ts', 'test/chaos/**/*.test.ts', 'test/cli/cli.test.ts'];
/** They put their own module in the place of one that other tests load: not in a thread with others. */
const MOCKING = ['test/resilience/*/interleavings.test.ts'];

export default defineConfig({
  test: {
    // For what hangs, not for what is slow: machines that test for many take several times as long.
    testTimeout: DEEP ? 600_000 : 180_000,
    hookTimeout: 180_000,
    setupFiles: 'test/support/property-seed.ts',
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          include: [TESTS],
          exclude: [...ALONE, ...MOCKING],
          maxWorkers: 2,
          // What sources and libraries take to load is more than most tests take.
          isolate: false,
          sequence: { groupOrder: 0 },
          globalSetup: 'test/support/temporary-root.ts',
          env: { TMPDIR: temporaryRoot() },
        },
      },
      {
        extends: true,
        test: { name: 'interleavings', include: MOCKING, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: { name: 'threads', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
