/** The offset of `UTC`, `Z`, `GMT` or an offset like `-05:00`, in ms; `undefined` for other zones. */
export function fixedOffsetMs(zone: string): number | undefined {
  if (/^(?:utc|z|etc\/utc|gmt)$/i.test(zone)) return 0;
  const found = /^([+-])(\d{2}):?(\d{2})$/.exec(zone);
  if (!found) return undefined;
  const [, sign, hours, minutes] = found;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

/** Whether a text names a zone: `UTC`, an offset like `-05:00`, or a name of the IANA database. */
export function isZone(zone: string): boolean {
  if (fixedOffsetMs(zone) !== undefined) return true;
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
