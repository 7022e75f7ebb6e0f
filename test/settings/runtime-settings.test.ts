import { describe, expect, it } from 'vitest';
import { RuntimeSettings } from '../../src/settings/runtime-settings.js';

const complaints = (settings: object) =>
  RuntimeSettings.safeParse(settings).error?.issues.map(({ path, message }) => [path.join('.'), message]);

describe('the settings of a runtime', () => {
  it('name the least value that they take', () => {
    expect(complaints({ startDeadlineMs: 0, drainDeadlineMs: -1, maxThreads: 0 })).toEqual([
      ['maxThreads', 'expected 1 to 4096 threads'],
      ['startDeadlineMs', 'expected 1 to 86400000 milliseconds'],
      ['drainDeadlineMs', 'expected 0 to 86400000 milliseconds'],
    ]);
  });

  it('keep no more threads warm than may run', () => {
    expect(complaints({ maxThreads: 2, warmThreads: 3 })).toEqual([
      ['warmThreads', 'expected no more than "maxThreads"'],
    ]);
  });
});
