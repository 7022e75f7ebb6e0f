import { describe, expect, it } from 'vitest';
import { divertLines } from '../../src/cli/terminal.js';

function divert() {
  const own: unknown[] = [];
  const stream = {
    write: ((chunk: unknown) => own.push(chunk) > 0) as NodeJS.WriteStream['write'],
  };
  const taken: string[] = [];
  const end = divertLines(stream, (lines) => taken.push(lines));
  return { stream, own, taken, end };
}

describe('a diverted stream', () => {
  it('hands over whole lines, whatever pieces they come in', () => {
    const { stream, own, taken } = divert();
    stream.write('a');
    stream.write('b\nc\nd');
    expect(taken).toEqual(['ab\nc\n']);
    stream.write('\n');
    expect(taken).toEqual(['ab\nc\n', 'd\n']);
    expect(own).toEqual([]);
  });

  it('does not tear a sign whose bytes come apart', () => {
    const { stream, taken } = divert();
    const bytes = Buffer.from('€\n');
    stream.write(bytes.subarray(0, 1));
    stream.write(bytes.subarray(1));
    expect(taken).toEqual(['€\n']);
  });

  it('calls back in every form of write', () => {
    const { stream, taken } = divert();
    let called = 0;
    const done = () => {
      called++;
    };
    stream.write('a\n', done);
    stream.write('62', 'hex', done);
    stream.write('\n', 'utf8', done);
    expect([called, taken]).toEqual([3, ['a\n', 'b\n']]);
  });

  it('is itself again after the end, and has handed over the line that was not ended', () => {
    const { stream, own, taken, end } = divert();
    stream.write('half');
    end();
    stream.write('next');
    expect([taken, own]).toEqual([['half\n'], ['next']]);
  });
});
