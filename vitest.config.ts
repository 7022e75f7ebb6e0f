import { defineConfig } from 'vitest/config';

// The build puts compiled copies beside the sources: only what is under test/ is a test.
const TESTS = 'test/**/*.test.ts';
/** Real threads and processes, and how long they take: not beside others. */
const ALONE = ['test/threads/**/*.test.ts', 'test/cli/cli.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: 'units', include: [TESTS], exclude: ALONE, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: { name: 'threads', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
