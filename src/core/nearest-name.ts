import { cutList, cutText } from './shown-text.js';

/** Longer names are not compared, and of more names only the first ones: each comparison takes a while. */
const COMPARED_CHARS_MAX = 64;
const COMPARED_NAMES_MAX = 100;

/** The known name that somebody most likely meant, if one is near enough. */
export function nearestName(wanted: string, known: readonly string[]): string | undefined {
  if (wanted.length > COMPARED_CHARS_MAX) return undefined;
  let nearest: string | undefined;
  let distanceMin = Math.max(1, Math.floor(wanted.length / 3)) + 0.5;
  for (const name of known.slice(0, COMPARED_NAMES_MAX)) {
    if (Math.abs(name.length - wanted.length) >= distanceMin) continue;
    const distance =
      name.toLowerCase() === wanted.toLowerCase()
        ? 0.25
        : editDistance(wanted.toLowerCase(), name.toLowerCase(), distanceMin);
    if (distance < distanceMin) {
      distanceMin = distance;
      nearest = name;
    }
  }
  return nearest;
}

/** `did you mean "x"? ` if there is such a name, and the names that there are. */
export function suggestName(wanted: string, known: readonly string[]): string {
  const nearest = nearestName(wanted, known);
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`;
  const names = cutList(
    known.map((name) => cutText(name)),
    30,
  );
  const list = known.length === 0 ? 'there are none' : `there are: ${names}`;
  return hint === '' ? `; ${list}` : `${hint} (${list})`;
}

/**
 * Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
 *
 * @param limit - What is at least so far apart counts as far apart.
 */
function editDistance(a: string, b: string, limit: number): number {
  const width = Math.floor(limit);
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    // Beginnings whose lengths differ by more are further apart than the limit.
    const from = Math.max(1, i - width);
    const row = Array<number>(b.length + 1).fill(Number.POSITIVE_INFINITY);
    row[from - 1] = from === 1 ? i : Number.POSITIVE_INFINITY;
    for (let j = from; j <= Math.min(b.length, i + width); j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, beforeLast[j - 2]! + 1);
      }
      row[j] = best;
    }
    if (row.every((distance) => distance >= limit)) return limit;
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
