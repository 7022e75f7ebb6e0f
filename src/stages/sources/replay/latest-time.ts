import { readNanos } from '../../../columns/int64.js';

/** The greatest time of the rows that were delivered. */
export class LatestTime {
  ns: bigint | undefined;

  note(times: Int32Array, start: number, end: number): void {
    if (start >= end) return;
    let best = start;
    let high = times[2 * start + 1]!;
    let low = times[2 * start]! >>> 0;
    for (let row = start + 1; row < end; row++) {
      const rowHigh = times[2 * row + 1]!;
      if (rowHigh < high) continue;
      const rowLow = times[2 * row]! >>> 0;
      if (rowHigh === high && rowLow <= low) continue;
      high = rowHigh;
      low = rowLow;
      best = row;
    }
    const ns = readNanos(times, best);
    if (this.ns === undefined || ns > this.ns) this.ns = ns;
  }
}
