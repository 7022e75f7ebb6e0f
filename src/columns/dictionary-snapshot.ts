/** Strings of a dictionary: the first ones of a list, which may have grown since. */
export interface FirstStrings {
  readonly values: readonly string[];
  readonly length: number;
}

type Snapshot = Readonly<Record<string, readonly string[]>>;

const LISTS = new WeakMap<Snapshot, ReadonlyMap<string, FirstStrings>>();

/**
 * The strings of dictionaries as they are now, as plain data. A list is copied when it is first read:
 * dictionaries only grow, so that until then its length is enough.
 */
export function snapshotOf(
  dictionaries: Iterable<{ readonly name: string; readonly values: readonly string[] }>,
): Record<string, string[]> {
  const snapshot: Record<string, string[]> = {};
  const lists = new Map<string, FirstStrings>();
  for (const { name, values } of dictionaries) {
    const { length } = values;
    let copy: string[] | undefined;
    const get = () => {
      copy ??= values.slice(0, length);
      return copy;
    };
    Object.defineProperty(snapshot, name, { get, enumerable: true, configurable: true });
    lists.set(name, { values, length });
  }
  LISTS.set(snapshot, lists);
  return snapshot;
}

/** Whether this is what `snapshotOf` made, of which a list is copied when it is read. */
export const isSnapshot = (data: object): boolean => LISTS.has(data as Snapshot);

/** The strings of a snapshot, or of a copy of one, by name: nothing is copied for it. */
export function stringsIn(snapshot: Snapshot): ReadonlyMap<string, FirstStrings> {
  return (
    LISTS.get(snapshot) ??
    new Map(Object.entries(snapshot).map(([name, values]) => [name, { values, length: values.length }]))
  );
}
