import { describe, expect, it } from 'vitest';
import { PrintedText } from '../../src/telemetry/printed-text.js';

function printed(limits: { chars: number; times: number }, ...texts: string[]): string[] {
  const passed: string[] = [];
  const text = new PrintedText(limits, (each) => passed.push(each));
  for (const each of texts) text.write(each);
  return passed;
}

const REST = '\n… further output is not shown\n';

describe('printed text', () => {
  it('passes as it is, up to its limits', () => {
    expect(printed({ chars: 10, times: 5 }, 'a', 'bc')).toEqual(['a', 'bc']);
  });

  it('is cut where it gets too long, and said to be, once', () => {
    expect(printed({ chars: 4, times: 9 }, 'abc', 'defg', 'h', 'i')).toEqual(['abc', `d${REST}`]);
  });

  it('is cut where it comes too often, too', () => {
    expect(printed({ chars: 99, times: 2 }, 'a', 'b', 'c', 'd')).toEqual(['a', `b${REST}`]);
  });
});
