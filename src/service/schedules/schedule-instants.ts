/** The instants of a schedule, in ms since 1970 UTC. They follow from the schedule alone. */
export interface ScheduleInstants {
  /** The first instant after another one; `undefined` if there is none, or none is known. */
  next(afterMs: number): number | undefined;
}

/** The last instant of a schedule after one time and up to another one. */
export function latestInstant(
  instants: ScheduleInstants,
  { afterMs, untilMs }: { readonly afterMs: number; readonly untilMs: number },
): number | undefined {
  const first = instants.next(afterMs);
  if (first === undefined || first > untilMs) return undefined;
  // Halves the time in which it can be, since there may be millions of instants in it.
  let latest = first;
  for (let bound = untilMs; latest < bound; ) {
    const middle = latest + Math.ceil((bound - latest) / 2);
    const found = instants.next(middle - 1);
    if (found === undefined || found > untilMs) bound = middle - 1;
    else latest = found;
  }
  return latest;
}
