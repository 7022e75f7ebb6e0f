import { namesOf } from './glob-cost.js';

/** What the name of every file that a glob matches begins and ends with. Empty texts if that cannot be told. */
export interface GlobEnds {
  readonly prefix: string;
  readonly suffix: string;
}

/**
 * Returns the fixed ends of the last name of a glob: `ticks-` and `.csv` of `in/ticks-*.csv`. Most globs are told
 * apart by them, which takes a thousandth of the time of matching one.
 */
export function globEnds(glob: string): GlobEnds {
  // Outside of a group, `|` divides the whole glob; a `!` in front of it turns its meaning round; `\\` makes of what
  // follows a sign as it is, or one of a regular expression.
  if (glob.includes('|') || glob.includes('\\') || glob.startsWith('!')) return { prefix: '', suffix: '' };
  const name = namesOf(glob).at(-1) ?? '';
  if (name === '.' || name === '..') return { prefix: '', suffix: '' }; // the folder, by its own name or that of its parent
  const suffix = /[\w.-]*$/.exec(name)?.[0] ?? '';
  if (name.includes(']')) return { prefix: '', suffix }; // the bracket may open in a name before
  const prefix = /^[\w.-]*/.exec(name)?.[0] ?? '';
  const next = name[prefix.length];
  // Other signs may be about the character before them.
  return { prefix: next === undefined || next === '*' ? prefix : prefix.slice(0, -1), suffix };
}

/** Whether a name has the ends of a glob. If it has not, the glob does not match it. */
export const hasEnds = (name: string, { prefix, suffix }: GlobEnds): boolean =>
  name.startsWith(prefix) && name.endsWith(suffix);
