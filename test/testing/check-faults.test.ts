import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { secret } from '../../src/engine/component.js';
import { evidenceTable } from '../../src/testing/check-provider.js';
import { broken, check, failures } from './sound-provider.js';

describe('the checks', () => {
  it('report a close that throws at once, and go on', async () => {
    const provider = broken(() => ({
      close: () => {
        throw new Error('socket was closed before');
      },
    }));
    expect(await failures(provider)).toEqual({ close: ['failed: socket was closed before'] });
  });

  it('close each provider once', async () => {
    const closed: number[] = [];
    const provider = broken(() => {
      const nth = closed.push(0) - 1;
      return { close: () => void closed[nth]!++ };
    });
    expect((await check(provider)).passed).toBe(true);
    expect(closed.length).toBeGreaterThan(0);
    expect(closed.filter((times) => times !== 1)).toEqual([]);
  });

  it('let a provider end what it does before they close it', async () => {
    let endedAfter = 0;
    let streaming = 0;
    const provider = broken((sound) => ({
      streamTrades: async (request, writer, signal) => {
        streaming++;
        try {
          await sound.streamTrades?.(request, writer, signal);
        } finally {
          streaming--;
        }
      },
      close: () => {
        endedAfter += streaming;
      },
    }));
    // Nothing is wrong with these options, so that the stream goes on until it is told to end.
    const report = await check(provider, { wrongOptions: [{ options: {}, kind: 'authentication' }] });
    expect(report.checks.find(({ id }) => id === 'errors')?.result).toBe('failed');
    expect([streaming, endedAfter]).toEqual([0, 0]);
  });

  it('end for a provider that sets timers without a delay for ever', async () => {
    const provider = broken((_, { clock }) => ({
      streamTrades: async (_request, _writer, signal) => {
        const poll = () => {
          if (!signal.aborted) clock.setTimeout(poll, 0);
        };
        poll();
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    }));
    expect((await failures(provider))['stream-rows:trades']).toEqual([
      expect.stringContaining('expected time to pass'),
    ]);
  });

  it('keep the secrets of all options out of what they found', async () => {
    const Options = z.strictObject({ key: secret(z.string()) });
    const provider = broken(
      (_sound, _context) => ({
        connect: () => Promise.reject(new Error('no account for hunter2-right')),
        close: () => Promise.reject(new Error('hunter2-wrong is not logged in')),
      }),
      { options: async () => Options },
    );
    const report = await check(provider, {
      options: { key: 'hunter2-right' },
      wrongOptions: [{ options: { key: 'hunter2-wrong' }, kind: 'authentication' }],
    });
    const text = JSON.stringify(report);
    expect(text).toContain('no account for [redacted]');
    expect(text).toContain('[redacted] is not logged in');
    expect(text).not.toContain('hunter2');
  });

  it('make one line of evidence of a finding that has several', () => {
    const found = ['expected a | b\nor c\r\nand d'];
    const checks = [{ id: 'close', title: 'closes', result: 'failed', found }] as const;
    const table = evidenceTable({ provider: 'p', checks, passed: false });
    expect(table.split(/[\r\n]+/).at(-1)).toBe('| `close` | closes | failed | expected a \\| b or c and d |');
    expect(table.split(/[\r\n]+/)).toHaveLength(3);
  });
});
