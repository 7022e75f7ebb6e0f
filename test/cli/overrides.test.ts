import { describe, expect, it } from 'vitest';
import { applyOverride, isOverridden, parseOverride } from '../../src/cli/overrides.js';

function set(spec: unknown, text: string): unknown {
  const copy = structuredClone(spec);
  applyOverride(copy, parseOverride(text));
  return copy;
}

describe('--set', () => {
  it('replaces a value, and makes mappings that are missing', () => {
    const spec = { operators: [{ use: 'bars', every: '1m' }] };
    expect(set(spec, 'operators[0].every=5m')).toEqual({ operators: [{ use: 'bars', every: '5m' }] });
    expect(set(spec, 'operators.0.every=5m')).toEqual({ operators: [{ use: 'bars', every: '5m' }] });
    expect(set({}, 'batcher.maxRows=10')).toEqual({ batcher: { maxRows: 10 } });
    expect(set(spec, 'operators[1].use=x')).toMatchObject({ operators: [{ use: 'bars' }, { use: 'x' }] });
    expect(spec).toEqual({ operators: [{ use: 'bars', every: '1m' }] });
  });

  it.each([
    ['1', 1],
    ['1.5', 1.5],
    ['true', true],
    ['null', null],
    ['', null],
    ['"1"', '1'],
    ['[A, B]', ['A', 'B']],
    ['bid > 0 and ask >= bid', 'bid > 0 and ask >= bid'],
    ['a: b', 'a: b'],
    ['x = "y"', 'x = "y"'],
    ['a #b', 'a #b'],
  ])('reads the value %j as YAML would, or as text', (text, value) => {
    expect(parseOverride(`a=${text}`).value).toEqual(value);
  });

  it('is for one spec where it names one', () => {
    expect(parseOverride('my.job:a.b=c:d')).toMatchObject({ spec: 'my.job', path: ['a', 'b'], value: 'c:d' });
  });

  it.each([
    'novalue',
    '=1',
    '[0]=1',
    'a..b=1',
    'a[x]=1',
    'a=[1',
    'a=*b',
    '__proto__.x=1',
    'a.constructor.b=1',
  ])('refuses %j', (text) => {
    expect(() => parseOverride(text)).toThrow(/expected|cannot be set/);
  });

  it('refuses a path that does not fit the spec, and says where', () => {
    expect(() => set({ a: 1 }, 'a.b=1')).toThrow('"a" is a single value in the spec');
    expect(() => set({ a: [1] }, 'a[2]=1')).toThrow('"a" has 1 entries');
    expect(() => set({ sink: { branches: [1, 2] } }, 'sink.brnches[1].name=x')).toThrow(
      'there is no list "sink.brnches" (did you mean "branches"?): a new one begins with [0]',
    );
    expect(() => set({ a: [1] }, 'a.x=1')).toThrow('"a" is a list');
    expect(() => set({ a: {} }, 'a[0]=1')).toThrow('"a" is a mapping');
  });

  it('makes a list where a position is named, in brackets or between dots', () => {
    expect(set({}, 'operators.0.use=x')).toEqual({ operators: [{ use: 'x' }] });
    expect(set({}, 'operators[0].use=x')).toEqual({ operators: [{ use: 'x' }] });
  });

  it('is to blame for what it set, and for the mappings that it had to make', () => {
    const override = parseOverride('source.faults.gap=1');
    const spec = { source: { use: 'synthetic' } };
    expect(isOverridden(override, ['source', 'faults', 'gap'], spec)).toBe(true);
    expect(isOverridden(override, ['source', 'faults'], spec)).toBe(true);
    expect(isOverridden(override, ['source'], spec)).toBe(false);
    expect(isOverridden(override, ['source', 'rows'], spec)).toBe(false);
    expect(isOverridden(override, ['source', 'faults'], { source: { faults: {} } })).toBe(false);
  });

  it('reaches nothing beyond the data', () => {
    expect(() => set({}, 'a.__proto__.polluted=1')).toThrow('cannot be set');
    expect(() => set({}, 'a={ b: { __proto__: { polluted: 1 } } }')).toThrow('"__proto__" cannot be set');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
