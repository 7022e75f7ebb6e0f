import { describe, expect, it } from 'vitest';
import { lineLogger } from '../../src/cli/line-logger.js';

describe('the logger of the command line', () => {
  it('writes lines of its level and above, with the fields of their logger', () => {
    const lines: string[] = [];
    const log = lineLogger('warn', (line) => lines.push(line));
    const child = log.child({ job: 'a' }).child({ thread: 1 });
    child.debug({ n: 1 }, 'not shown');
    child.info({ n: 2 }, 'not shown');
    child.warn({ n: 3 }, 'shown');
    log.error({ n: 4 }, 'shown, too');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { level: 40, time: expect.any(Number), job: 'a', thread: 1, n: 3, msg: 'shown' },
      { level: 50, time: expect.any(Number), n: 4, msg: 'shown, too' },
    ]);
  });

  it('writes nothing when it is silent', () => {
    const lines: string[] = [];
    lineLogger('silent', (line) => lines.push(line)).error({}, 'not shown');
    expect(lines).toEqual([]);
  });
});
