import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // The build puts compiled copies beside the sources: only what is under test/ is a test.
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
  },
});
