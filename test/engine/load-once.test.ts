import { describe, expect, it } from 'vitest';
import { loadedBy, loadOnce } from '../../src/engine/load-once.js';

describe('code that is loaded once', () => {
  it('is loaded by the first call alone, and known without a wait from then on', async () => {
    let loads = 0;
    const load = loadOnce(async () => ({ number: ++loads }));
    expect(loadedBy(load)).toBeUndefined();
    const [first, second] = await Promise.all([load(), load()]);
    expect(first).toBe(second);
    expect(await load()).toBe(first);
    expect(loadedBy(load)).toBe(first);
    expect(loads).toBe(1);
  });

  it('is loaded again after it could not be', async () => {
    let loads = 0;
    const load = loadOnce(async () => {
      if (++loads === 1) throw new Error('no descriptors left');
      return { loads };
    });
    await expect(load()).rejects.toThrow('no descriptors left');
    expect(loadedBy(load)).toBeUndefined();
    expect(await load()).toEqual({ loads: 2 });
  });

  it('is not known of any other function', async () => {
    const load = async () => ({});
    await load();
    expect(loadedBy(load)).toBeUndefined();
  });
});
