import { describe, expect, it } from 'vitest';
import { nanos } from '../../../src/core/units.js';
import { MirroredMemory } from '../../../src/hosts/processes/mirrored-memory.js';
import { Counters } from '../../../src/shared-memory/counters.js';
import { mirrorOf } from '../../../src/shared-memory/mirror-of.js';
import { ThreadWatch } from '../../../src/shared-memory/thread-watch.js';

/** A process whose clock is 1,000 ns behind, and what is known of it here. */
function startMirror() {
  const there = { counters: new Counters(), watch: new ThreadWatch() };
  const here = { counters: new Counters(), watch: new ThreadWatch() };
  let now = 1_000n;
  const memory = new MirroredMemory(here.counters, here.watch, () => now);
  now = 5_000n;
  return {
    there,
    here,
    memory,
    /** A copy that is sent at an instant of the process, and is here so many ns later. */
    copy(sentNs: bigint, wayNs: bigint) {
      now = sentNs + 1_000n + wayNs;
      memory.take({ ...mirrorOf(there.counters, there.watch), nowNs: sentNs });
    },
  };
}

describe('the memory of a process, mirrored', () => {
  it('has its counters, and its instants on the clock of this side', () => {
    const { there, here, copy } = startMirror();
    there.counters.set('rowsOut', 7);
    there.counters.set('heartbeatNs', 4_000);
    there.watch.atWork[0] = 3;
    copy(4_100n, 0n);
    expect(here.counters.read()).toMatchObject({ rowsOut: 7, heartbeatNs: 5_000, firstRowAtNs: 0 });
    expect(here.watch.place).toBe(3);
  });

  it('has a heartbeat from when the process is there, before its first one', () => {
    const { there, here, memory, copy } = startMirror();
    memory.begin(3_900n);
    expect(here.counters.get('heartbeatNs')).toBe(5_000);
    copy(4_000n, 0n);
    expect(here.counters.get('heartbeatNs')).toBe(5_000);
    there.counters.set('heartbeatNs', 4_100);
    copy(4_200n, 0n);
    expect(here.counters.get('heartbeatNs')).toBe(5_100);
  });

  it('leaves what this side counts', () => {
    const { there, here, memory, copy } = startMirror();
    here.counters.set('logsTaken', 5);
    memory.dropLine();
    there.counters.set('logsDropped', 2);
    copy(4_000n, 0n);
    expect(here.counters.read()).toMatchObject({ logsTaken: 5, logsDropped: 3 });
  });

  it('never lets the process run longer than was said, however long messages take', () => {
    const { here, memory, copy } = startMirror();
    expect(memory.mayRunUntilNs).toBe(0n);
    here.counters.mayRunUntilNs = nanos(10_000n); // 9,000 over there
    copy(4_000n, 700n);
    expect(memory.mayRunUntilNs).toBe(8_300n);
    copy(4_100n, 100n);
    expect(memory.mayRunUntilNs).toBe(8_900n);
    copy(4_200n, 500n);
    expect(memory.mayRunUntilNs).toBe(8_900n);
  });

  it('ignores a copy that comes after a later one', () => {
    const { there, here, copy } = startMirror();
    there.counters.set('rowsOut', 9);
    copy(4_200n, 0n);
    there.counters.set('rowsOut', 8);
    copy(4_100n, 500n);
    expect(here.counters.get('rowsOut')).toBe(9);
  });

  it('keeps the instant since when rows wait, though the way between the clocks gets shorter', () => {
    const { there, here, copy } = startMirror();
    there.watch.tellHeld({ place: 2, sinceNs: 3_000n });
    copy(4_000n, 700n);
    expect(here.watch.held).toEqual({ place: 2, sinceNs: 4_700n });
    copy(4_200n, 0n);
    expect(here.watch.held).toEqual({ place: 2, sinceNs: 4_700n });
    there.watch.tellHeld(undefined);
    copy(4_300n, 0n);
    expect(here.watch.held).toBeUndefined();
  });

  it('refuses an instant that has not come yet, which would freeze what is known or move the end of the lease', () => {
    const { there, here, memory, copy } = startMirror();
    here.counters.mayRunUntilNs = nanos(10_000n);
    memory.begin(3_900n);
    for (const ahead of [2n ** 62n, 100_000_000n]) {
      expect(() => copy(4_000n + ahead, -ahead)).toThrow(/from the future, by \d+ ns/);
    }
    there.counters.set('rowsOut', 7);
    copy(4_100n, 0n);
    expect(here.counters.get('rowsOut')).toBe(7);
    expect(memory.mayRunUntilNs).toBe(9_000n);
  });

  it('takes an instant that is as early as the start of the process allows', () => {
    const { memory, copy } = startMirror();
    memory.begin(0n); // was under way since the process was started
    copy(4_100n, 0n);
    expect(memory.mayRunUntilNs).toBe(0n);
  });
});
