/** Changes of good data: most of it stays good, so that what comes after the first check is reached. */
import fc from 'fast-check';
import { hostileValue, jumbled } from './hostile-values.js';

type Path = readonly string[];

/** Places of some data, the root left out, and neither all of a long list nor what is very deep. */
function placesIn(data: unknown, path: Path = []): Path[] {
  if (typeof data !== 'object' || data === null || path.length > 8) return [path];
  const first = Object.entries(data).slice(0, 20);
  const within = first.flatMap(([key, value]) => placesIn(value, [...path, key]));
  return path.length === 0 ? within : [path, ...within];
}

interface Mutation {
  readonly at: number;
  readonly how: 'replace' | 'add' | 'remove' | 'repeat';
  readonly key: string;
  readonly value: unknown;
  readonly times: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom('replace', 'add', 'remove', 'repeat'),
  key: fc.oneof(
    fc.constantFrom('use', 'name', 'path', 'columns', 'where', 'operators', 'queue', 'budget'),
    jumbled,
  ),
  value: hostileValue,
  times: fc.constantFrom(2, 70, 5_000),
});

function mutate(data: object, { at, how, key, value, times }: Mutation): void {
  const places = placesIn(data);
  const path = places[at % Math.max(1, places.length)];
  if (!path) return;
  let holder = data as Record<string, unknown>;
  for (const step of path.slice(0, -1)) holder = holder[step] as typeof holder;
  const last = path.at(-1)!;
  const found = holder[last];
  if (how === 'remove') Reflect.deleteProperty(holder, last);
  else if (how === 'replace') set(holder, last, value);
  else if (how === 'repeat' && Array.isArray(found) && found.length < 20) {
    holder[last] = Array(times).fill(found).flat();
  } else if (typeof found === 'object' && found !== null) set(found as typeof holder, key, value);
}

/** Also as an own property of a name that means something else. */
function set(holder: object, key: string, value: unknown): void {
  if (Array.isArray(holder) && key === 'length') return; // takes whole numbers alone
  if (ArrayBuffer.isView(holder)) return; // an earlier change; its items take numbers alone, and no symbol
  Reflect.defineProperty(holder, key, { value, enumerable: true, writable: true, configurable: true });
}

/** One of these data, with some changes. */
export const mutated = <T extends object>(...good: readonly T[]): fc.Arbitrary<unknown> =>
  fc
    .tuple(fc.constantFrom(...good), fc.array(mutation, { minLength: 1, maxLength: 3 }))
    .map(([data, changes]) => {
      const copy = structuredClone(data);
      for (const change of changes) mutate(copy, change);
      return copy;
    });
