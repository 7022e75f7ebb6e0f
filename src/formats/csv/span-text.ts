const UNITS = [
  ['day', 86_400e9],
  ['hour', 3_600e9],
  ['minute', 60e9],
  ['second', 1e9],
  ['millisecond', 1e6],
  ['microsecond', 1e3],
] as const;

/** Formats a length of time for messages, in the largest unit that divides it: `400 days`. */
export function spanText(ns: number): string {
  const [name, size] = UNITS.find(([, size]) => ns % size === 0) ?? ['nanosecond', 1];
  const count = ns / size;
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}
