import { describe, expect, it } from 'vitest';
import { parseSpecText } from '../../src/cli/spec-file.js';

const one = (text: string) => parseSpecText('f.yaml', text)[0]!;

describe('a spec file', () => {
  it('tells where a key stands, an entry of a list, and what is around a key that is missing', () => {
    const spec = one('name: x\noperators:\n  - use: bars\n    every: 1m\n  - { use: select }\n');
    expect(spec.problems).toEqual([]);
    expect(spec.locate(['operators', 0, 'every'])).toEqual({ file: 'f.yaml', line: 4, column: 5 });
    expect(spec.locate(['operators', 1])).toMatchObject({ line: 5, column: 5 });
    expect(spec.locate(['operators', 1, 'columns', 'a'])).toMatchObject({ line: 5, column: 5 });
    expect(spec.locate(['sink', 'path'])).toMatchObject({ line: 1, column: 1 });
  });

  it('follows an alias to where the value stands', () => {
    const spec = one('a: &a\n  b: 1\nc: *a\n');
    expect(spec.locate(['c', 'b'])).toMatchObject({ line: 2, column: 3 });
  });

  it('holds one spec a document, with lines counted from the start of the file', () => {
    const specs = parseSpecText('f.yaml', 'name: a\n---\nname: b\n');
    expect(specs.map(({ value }) => value)).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(specs[1]!.locate(['name'])).toMatchObject({ line: 3, column: 1 });
  });

  it.each([
    ['a key that stands twice', 'a: 1\na: 2\n', 2, 1, 'every key once'],
    ['a syntax error', 'a: [1\nb: 2\n', 2, 1, 'expected YAML or JSON'],
    ['a list at the top', '\n- a\n', 2, 1, 'expected a mapping, found a list'],
    ['a text at the top', 'hello\n', 1, 1, 'expected a mapping, found the text "hello"'],
    ['an empty file', '', 1, 1, 'found an empty file'],
    ['a tag that would make code', 'a: !!js/function "x"\n', 1, 4, 'found a tag'],
    ['an alias without an anchor', 'b: 1\na: *x\n', 2, 4, 'no anchor'],
    ['an alias within its anchor', 'a: &a [*a]\n', 1, 8, 'is inside the node'],
    ['a key that is no data', 'a:\n  - { "__proto__": { b: 1 } }\n', 2, 7, 'found "__proto__"'],
    ['nesting without end', '['.repeat(20_000), 1, 1, 'nested too deeply'],
  ])('refuses %s with its place', (_, text, line, column, message) => {
    const [problem] = one(text).problems;
    expect(problem?.at).toEqual({ file: 'f.yaml', line, column });
    expect(problem?.message).toContain(message);
  });

  it('refuses aliases that grow beyond all bounds', () => {
    const times = (name: string) => `[${Array(9).fill(`*${name}`).join(',')}]`;
    const text = `a: &a [x,x]\nb: &b ${times('a')}\nc: &c ${times('b')}\nd: &d ${times('c')}\n`;
    expect(one(text).problems[0]?.message).toContain('at most 100 uses of aliases');
  });
});
