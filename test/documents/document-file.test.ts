import { describe, expect, it } from 'vitest';
import { parseDocuments } from '../../src/documents/document-file.js';

const parse = (text: string) => parseDocuments('f.yaml', text, 'spec');
const one = (text: string) => parse(text)[0]!;

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
    const specs = parse('name: a\n---\nname: b\n');
    expect(specs.map(({ value }) => value)).toEqual([{ name: 'a' }, { name: 'b' }]);
    expect(specs[1]!.locate(['name'])).toMatchObject({ line: 3, column: 1 });
  });

  it.each([
    ['a key that stands twice', 'a: 1\na: 2\n', 2, 1, 'every key once'],
    ['a syntax error', 'a: [1\nb: 2\n', 2, 1, 'expected YAML or JSON'],
    ['a list at the top', '\n- a\n', 2, 1, 'expected a mapping, found a list'],
    ['a text at the top', 'hello\n', 1, 1, 'expected a mapping, found a text'],
    ['an empty file', '', 1, 1, 'found an empty file'],
    ['a tag that would make code', 'a: !!js/function "x"\n', 1, 4, 'found a tag'],
    ['an alias without an anchor', 'b: 1\na: *x\n', 2, 4, 'no anchor'],
    ['an alias within its anchor', 'a: &a [*a]\n', 1, 8, 'is inside the node'],
    ['a key that is no data', 'a:\n  - { "__proto__": { b: 1 } }\n', 2, 7, 'found "__proto__"'],
    ['nesting without end', '['.repeat(20_000), 1, 100, 'at most 100 lists and mappings inside one another'],
    ['keys inside keys', '? '.repeat(28), 1, 55, 'a key that is no text'],
    ['keys inside keys without end', '? '.repeat(500), 1, 199, 'at most 100 lists and mappings'],
    ['a list as a key', '? [a]\n: 1\n', 1, 3, 'a key that is no text'],
    ['a key that stands twice as a number and as text', '1: a\n"1": b\n', 2, 1, 'every key once'],
    ['bytes as text', 'a: !!binary aGk=\n', 1, 4, 'found a tag'],
  ])('refuses %s with its place', (_, text, line, column, message) => {
    const [problem] = one(text).problems;
    expect(problem?.at).toEqual({ file: 'f.yaml', line, column });
    expect(problem?.message).toContain(message);
  });

  it('counts what aliases come to where the data is checked, not here', () => {
    const times = (name: string) => `[${Array(9).fill(`*${name}`).join(',')}]`;
    const text = `a: &a [x,x]\nb: &b ${times('a')}\nc: &c ${times('b')}\nd: &d ${times('c')}\n`;
    expect(one(text).problems).toEqual([]);
  });

  it.each([
    ['documents', '---\n'.repeat(50_000), 'at most 500 documents in a file'],
    ['anchors', `[${'&a b,'.repeat(2_000)}]`, 'at most 1000 anchors, aliases and tags in a file'],
    ['words and signs', `[${'1,'.repeat(100_000)}]`, 'at most 100000 words and signs in a file'],
    ['directives', '%TAG !a! b\n'.repeat(200), 'at most 100 directives in a file'],
    ['wrong escapes', `a: "${'\\q'.repeat(500_000)}"`, 'at most 10 wrong escapes in a text'],
    ['wrong codes', `a: "${'\\UFFFFFFFF\\xZ'.repeat(50_000)}"`, 'at most 10 wrong escapes in a text'],
    ['lines', '\n'.repeat(1_000_000), 'at most 100000 lines in a file'],
  ])('refuses a text of too many %s, with one problem', (_, text, message) => {
    const found = parse(text);
    expect(found).toHaveLength(1);
    expect(found[0]!.problems.map((problem) => problem.message)).toEqual([`expected ${message}, found more`]);
  });

  it('takes any number of escapes that YAML has, and names the first few of those that it has not', () => {
    const escapes = String.raw`\0\a\b\t\n\v\f\r\e\N\L\P\_\ \"\/\\\x41\u00e9\U0001F600`;
    expect(one(`a: "${escapes.repeat(1_000)}"`).problems).toEqual([]);
    expect(one(String.raw`a: "\q\xZZ\UFFFFFFFF"`).problems.map(({ message }) => message)).toEqual([
      expect.stringContaining(String.raw`Invalid escape sequence \q`),
      expect.stringContaining(String.raw`Invalid escape sequence \xZZ`),
      expect.stringContaining(String.raw`Invalid escape sequence \UFFFFFFFF`),
    ]);
  });

  it('takes thousands of keys in one mapping', () => {
    const keys = Array.from({ length: 9_000 }, (_, i) => `key${i}: ${i}\n`).join('');
    expect(Object.keys(one(keys).value as object)).toHaveLength(9_000);
    expect(one(`${keys}key7: 8\n`).problems[0]).toMatchObject({ at: { line: 9_001 } });
  });

  it('has a place for each of its problems, whatever its keys are', () => {
    expect(one('? '.repeat(60)).locate(['name'])).toMatchObject({ line: 1 });
  });
});

describe('a file in the wrong place', () => {
  const problemOf = (file: string, text: string, expected: 'spec' | 'settings' = 'spec') =>
    parseDocuments(file, text, expected)[0]!.problems[0]?.message;

  it.each([
    ['ticks.csv', 'time,bid,ask\n1,2,3\n'],
    ['ticks.txt', 'time;bid;ask\n1;2;3\n'],
    ['(stdin)', 'a\tb\tc\n1\t2\t3\n'],
    ['large.txt', `time,bid,ask\n${'1,2,3\n'.repeat(150_000)}`],
  ])('is told from a spec if it is CSV (%s)', (file, text) => {
    expect(problemOf(file, text)).toBe(
      'expected a spec, found a CSV file: name it in a spec, as source: { use: replay, path: … }',
    );
  });

  it.each([
    ['rows.jsonl', '{"a":1}\n{"a":2}\n', 'a file of JSON lines: "'],
    ['op.mjs', 'export default 5;\n', 'a module: name it with --components'],
  ])('is told from a spec by its name (%s)', (file, text, found) => {
    expect(problemOf(file, text)).toContain(`expected a spec, found ${found}`);
    expect(problemOf(file, text, 'settings')).toContain(`expected settings of the runtime, found ${found}`);
  });

  it('is a spec, whatever its name, if it holds one', () => {
    expect(problemOf('spec.csv', 'name: a\n')).toBeUndefined();
  });
});
