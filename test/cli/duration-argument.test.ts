import { describe, expect, it } from 'vitest';
import { parseDurationMs } from '../../src/cli/duration-argument.js';
import { SubmitOptions } from '../../src/service/submit-options.js';

describe('a duration of the command line', () => {
  it.each(['1ms', '90s', '365d'])('is one that a submit takes, too (%s)', (text) => {
    expect(parseDurationMs(text)).toBeGreaterThan(0);
    expect(SubmitOptions.safeParse({ maxDuration: text }).success).toBe(true);
  });

  it.each(['0ms', '1us', '366d', 'soon'])('is refused where a submit refuses it (%s)', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
    expect(SubmitOptions.safeParse({ maxDuration: text }).success).toBe(false);
  });
});
