/**
 * What the threads of an exploration may see and show late: a model of memory that is weaker than any
 * processor that Node runs on.
 *
 * A glance of a thread gives the value of the cell, or any value that was overwritten since the thread's
 * last atomic load. After a read-modify-write, it may also be one that was overwritten since the atomic
 * operation before that: on ARM, a plain read may come before the store of a read-modify-write. A store
 * alone is no barrier for later glances. What a thread wrote itself it never sees older than that.
 *
 * A plain write waits in a buffer of its thread and becomes visible at any time: in order for one cell, in
 * any order for several, and before the next atomic store or read-modify-write of the thread.
 */
export type Value = number | bigint;

export interface PlainWrite {
  readonly byte: number;
  readonly value: Value;
  /** What others see there now. */
  look(): Value;
  write(): void;
}

/** What one thread may still see, and what others do not yet see of it. Never changed: a step makes another. */
export interface Sight {
  /** By byte: values that were overwritten since the last operation that acquires. */
  readonly newer: ReadonlyMap<number, readonly Value[]>;
  /** The same, since the one before; none if the last one was a load. */
  readonly older: ReadonlyMap<number, readonly Value[]>;
  readonly buffer: readonly PlainWrite[];
}

export const CLEAR: Sight = { newer: new Map(), older: new Map(), buffer: [] };

/** Values that a glance may give. */
export function visible({ newer, older, buffer }: Sight, byte: number, current: Value): readonly Value[] {
  const own = buffer.findLast((write) => write.byte === byte);
  if (own) return [own.value];
  return [...new Set([current, ...(newer.get(byte) ?? []), ...(older.get(byte) ?? [])])];
}

/** After an atomic operation of the thread itself. */
export function acquired(sight: Sight, operation: string): Sight {
  switch (operation) {
    case 'store':
      return sight;
    case 'load':
      return { ...CLEAR, buffer: sight.buffer };
    default:
      return { newer: new Map(), older: sight.newer, buffer: sight.buffer };
  }
}

/** After a thread has changed a cell. */
export function overwritten(
  sights: readonly Sight[],
  writer: number,
  byte: number,
  before: Value,
): readonly Sight[] {
  return sights.map((sight, thread) => {
    if (thread === writer) {
      return { ...sight, newer: without(sight.newer, byte), older: without(sight.older, byte) };
    }
    const values = new Set([...(sight.newer.get(byte) ?? []), before]);
    return { ...sight, newer: new Map(sight.newer).set(byte, [...values]) };
  });
}

/** Writes that may become visible next: the first of each cell. */
export const showable = ({ buffer }: Sight): readonly PlainWrite[] =>
  buffer.filter((write, at) => buffer.findIndex(({ byte }) => byte === write.byte) === at);

/** Equal texts, equal sights. */
export function sightText({ newer, older, buffer }: Sight): string {
  const cells = (map: Sight['newer']) =>
    [...map].map(([byte, values]) => `${byte}:${[...values].sort().join(' ')}`).sort();
  return `${cells(newer)}|${cells(older)}|${buffer.map(({ byte, value }) => `${byte}=${value}`)}`;
}

const without = <V>(map: ReadonlyMap<number, V>, byte: number): ReadonlyMap<number, V> => {
  if (!map.has(byte)) return map;
  const rest = new Map(map);
  rest.delete(byte);
  return rest;
};
