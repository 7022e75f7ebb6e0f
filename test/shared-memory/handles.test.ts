import { describe, expect, it } from 'vitest';
import { InvalidHandleError } from '../../src/core/invalid-handle-error.js';
import { COUNTERS_BYTES, Counters, countersHandle, openCounters } from '../../src/shared-memory/counters.js';
import { createRing, openRing } from '../../src/shared-memory/ring-memory.js';
import { shareSyncs, syncHandle } from '../../src/shared-memory/sync-turns.js';

const counters = countersHandle(new SharedArrayBuffer(COUNTERS_BYTES));

describe.each<[string, object, (handle: never) => unknown]>([
  ['counters', counters, openCounters],
  ['turns of syncs', syncHandle(), shareSyncs],
  ['a ring', createRing(4_096), openRing],
])('a handle of %s', (_, good, open) => {
  it('is opened in another thread, as it is', () => {
    expect(() => open(good as never)).not.toThrow();
    expect(() => open(structuredClone(good) as never)).not.toThrow();
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'counters'],
    ['bare memory', new SharedArrayBuffer(COUNTERS_BYTES)],
    ['another kind', { ...good, kind: 'tickloom.rate' }],
    ['another version', { ...good, protocol: 0 }],
    ['no version', { ...good, protocol: undefined }],
    ['no memory', { ...good, memory: undefined }],
    ['memory that is not shared', { ...good, memory: new ArrayBuffer(COUNTERS_BYTES) }],
    ['memory that was cut short', { ...good, memory: new SharedArrayBuffer(16) }],
    ['memory that is too long', { ...good, memory: new SharedArrayBuffer(4_096) }],
  ])('is refused if it is %s', (_found, handle) => {
    expect(() => open(handle as never)).toThrow(InvalidHandleError);
  });
});

it('of counters leads to what another thread has counted', () => {
  new Counters(counters.memory).set('rowsIn', 7);
  expect(openCounters(counters).get('rowsIn')).toBe(7);
});
