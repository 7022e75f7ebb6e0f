import { describe, expect, it } from 'vitest';
import { PipelineError, toWireError } from '../../src/core/errors.js';

const long = (character: string) => character.repeat(5_500_000);

describe('an error as data', () => {
  it('has the beginning of each text, whatever was thrown', () => {
    const cause = new Error(long('c'), { cause: long('d') });
    for (const thrown of [
      new PipelineError('SINK_FAILED', long('a'), { cause }),
      new TypeError(long('b')),
      long('e'),
    ]) {
      const wire = toWireError(thrown);
      expect(wire.message).toHaveLength(8_192); // with the sign that it goes on
      expect(JSON.stringify(wire).length).toBeLessThan(20_000);
    }
    expect(toWireError(new PipelineError('SINK_FAILED', 'a', { cause })).causes).toEqual([
      expect.stringMatching(/^c{1023}…$/),
      expect.stringMatching(/^d{1023}…$/),
    ]);
  });

  it('has the frames of its stack, however long the message before them is', () => {
    const { stack } = toWireError(new TypeError(long('b')));
    expect(stack).toMatch(/^TypeError: b{1012}…\n {4}at .*errors\.test\.ts/);
  });

  it('has a short stack as it is', () => {
    const error = new TypeError('short');
    expect(toWireError(error).stack).toBe(error.stack);
    expect(toWireError(new Error('')).stack).toContain('errors.test.ts');
  });
});
