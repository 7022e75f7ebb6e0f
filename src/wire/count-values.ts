/** As deep as nobody's data is: reports, log fields and specs have far fewer levels. */
const DEPTH_MAX = 200;

/**
 * Counts the values in data that somebody else has sent, keys and elements included. What is in two places counts
 * twice, so whatever walks or prints the data later does no more than that. A list with holes counts by its length:
 * a hundred bytes can make one of four thousand million.
 *
 * @returns How many; more than `max` if there are more, or if it is round or deeper than anybody's data.
 */
export function countValues(data: unknown, max: number): number {
  return count(data, max, 0);
}

function count(value: unknown, max: number, depth: number): number {
  if (typeof value !== 'object' || value === null) return 1;
  if (depth >= DEPTH_MAX) return max + 1;
  let total = 1;
  const add = (inner: unknown) => {
    total += count(inner, max - total, depth + 1);
    return total <= max;
  };
  if (Array.isArray(value)) {
    if (value.length > max) return max + 1;
    for (let i = 0; i < value.length; i++) if (!add(value[i])) return total;
    return total;
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return total + value.byteLength;
  if (value instanceof Map) {
    for (const [key, inner] of value) if (!add(key) || !add(inner)) return total;
    return total;
  }
  if (value instanceof Set) {
    for (const inner of value) if (!add(inner)) return total;
    return total;
  }
  for (const key in value) {
    total++;
    if (!add((value as Record<string, unknown>)[key])) return total;
  }
  return total;
}
