import { describe, expect, it } from 'vitest';
import { kindOfKeys } from '../../src/settings/kind-of-keys.js';

describe('a file of YAML', () => {
  it.each([
    [['source', 'sink', 'zone'], 'spec'],
    [['name', 'source', 'operators'], 'spec'],
    [['source', 'budgets'], 'spec'],
    [['name', 'source', 'zone'], 'calendar'],
    [['sink', 'exceptions'], 'spec'],
    [['maxThreads', 'hours'], 'settings'],
    [['budgets'], 'settings'],
    [['name', 'extends'], 'calendar'],
    [['name', 'other'], undefined],
  ])('with the keys %j is taken for: %s', (keys, kind) => {
    expect(kindOfKeys(keys)).toBe(kind);
  });
});
