/** Formats an instant (ns since 1970 UTC) as ISO 8601 with nine decimals: `2014-05-08T05:00:17.007000000Z`. */
export function formatIsoNanos(instant: bigint): string {
  const subMillis = ((instant % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const epochMs = Number((instant - subMillis) / 1_000_000n);
  // 64 bits of nanoseconds cover the years 1677 to 2262, so the year always has four digits.
  return `${new Date(epochMs).toISOString().slice(0, -1)}${String(subMillis).padStart(6, '0')}Z`;
}
