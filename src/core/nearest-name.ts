/** The known name that somebody most likely meant, if one is near enough. */
export function nearestName(wanted: string, known: Iterable<string>): string | undefined {
  if (wanted.length > 64) return undefined;
  let nearest: string | undefined;
  let distanceMin = Math.max(1, Math.floor(wanted.length / 3)) + 0.5;
  for (const name of known) {
    if (Math.abs(name.length - wanted.length) >= distanceMin) continue;
    const distance =
      name.toLowerCase() === wanted.toLowerCase()
        ? 0.25
        : editDistance(wanted.toLowerCase(), name.toLowerCase());
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
  const more = known.length > 30 ? ` and ${known.length - 30} more` : '';
  const list = known.length === 0 ? 'there are none' : `there are: ${known.slice(0, 30).join(', ')}${more}`;
  return hint === '' ? `; ${list}` : `${hint} (${list})`;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, beforeLast[j - 2]! + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
