import { describe, expect, it } from 'vitest';
import { kindOfKeys } from '../../src/plan/misplaced-option.js';

describe('a file of YAML', () => {
  it.each([
    [['name', 'source', 'zone'], 'spec'],
    [['sink', 'exceptions'], 'spec'],
    [['maxThreads', 'hours'], 'settings'],
    [['budgets'], 'settings'],
    [['name', 'extends'], 'calendar'],
    [['zone', 'hours', 'source'], 'spec'],
    [['name', 'other'], undefined],
  ])('with the keys %j is taken for: %s', (keys, kind) => {
    expect(kindOfKeys(keys)).toBe(kind);
  });
});
