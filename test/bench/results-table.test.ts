import { describe, expect, it } from 'vitest';
import { resultsTable } from '../../bench/support/results-table.js';

const lines = (...args: Parameters<typeof resultsTable>) => resultsTable(...args).split('\n');

describe('the table of a bench', () => {
  it('compares a peer with what of ours does the same, not with the first', () => {
    const [, , granted, refused] = lines([
      { name: 'granted', ours: true, perSecond: 20, unit: 'calls' },
      { name: 'refused', ours: true, perSecond: 30, unit: 'calls' },
      { name: 'peer, granted', ours: false, like: 'granted', perSecond: 10, unit: 'calls' },
      { name: 'peer, refused', ours: false, like: 'refused', perSecond: 10, unit: 'calls' },
    ]);
    expect(granted).toMatch(/tickloom is 2\.00 ×$/);
    expect(refused).toMatch(/tickloom is 3\.00 ×$/);
  });

  it('gives a ratio by CPU time beside the one by wall clock where both have it', () => {
    const rates = lines([
      { name: 'ours', ours: true, perSecond: 20, perCpuSecond: 10, unit: 'rows' },
      { name: 'peer', ours: false, perSecond: 10, perCpuSecond: 4, unit: 'rows' },
      { name: 'other', ours: false, perSecond: 10, unit: 'rows' },
    ]);
    expect(rates[0]).toMatch(/20 rows\/s, by CPU 10 rows\/s$/);
    expect(rates[1]).toMatch(/tickloom is 2\.00 ×, by CPU 2\.50 ×$/);
    expect(rates[2]).toMatch(/tickloom is 2\.00 ×$/);
    const costs = lines([
      { name: 'ours', ours: true, value: 10, cpuValue: 20, unit: 'ms' },
      { name: 'peer', ours: false, value: 15, cpuValue: 50, unit: 'ms' },
    ]);
    expect(costs[1]).toMatch(/tickloom is 1\.50 ×, by CPU 2\.50 ×$/);
  });

  it('gives no ratio where nothing of ours does the same, and says why a peer was not run', () => {
    const [, other, absent] = lines([
      { name: 'ours', ours: true, perSecond: 20, unit: 'calls' },
      { name: 'other', ours: false, like: null, perSecond: 10, unit: 'calls' },
      { name: 'absent', ours: false, notRun: 'it is not installed' },
    ]);
    expect(other).toMatch(/10 calls\/s$/);
    expect(absent).toMatch(/not run: it is not installed$/);
  });
});
