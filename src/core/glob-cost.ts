/*
 * What a glob costs at worst. Its names become regular expressions, which try all ways to divide a text among
 * what may repeat: a glob of 30 characters can take years on a name of 250.
 */

/** A group of a name: `{a,b}`, `(a|b)`, `@(a|b)`, `+(a)`. */
interface Group {
  readonly content: string;
  /** Where it begins and ends in the text. */
  readonly from: number;
  readonly end: number;
  /** `+(a)`, `*(a)`; and `(a)+`, which is read as a regular expression. */
  readonly repeats: boolean;
}

/** The names of a glob: what is between its slashes, but for those in a group, which is matched as a whole. */
export function namesOf(glob: string): string[] {
  if (!glob.includes('/')) return [glob];
  const groups = groupsOf(glob).sort((a, b) => a.from - b.from);
  const names: string[] = [];
  let start = 0;
  let inside = -1;
  let next = 0;
  for (let at = glob.indexOf('/'); at >= 0; at = glob.indexOf('/', at + 1)) {
    for (; next < groups.length && groups[next]!.from < at; next++)
      inside = Math.max(inside, groups[next]!.end);
    if (at < inside) continue;
    names.push(glob.slice(start, at));
    start = at + 1;
  }
  return [...names, glob.slice(start)];
}

/** Whether a name repeats a group that can match one text in several ways. A single one is enough to take years. */
export const repeatsWhatRepeats = (name: string): boolean =>
  groupsOf(name).some(({ content, repeats }) => repeats && isAmbiguous(content)) ||
  (REPEATED.test(name) && SIGN_IN_BRACKETS.test(name));

const REPEATED = /[*+]\(|\)\+/;
/** A parenthesis or brace between brackets is a character: where the groups are, is not told without them. */
const SIGN_IN_BRACKETS = /\[[!^]?\]?[^\]]*[(){}]/;

/** In how many places of a name a text can be divided in more than one way. */
export function ambiguities(name: string): number {
  const repetitions = name.match(/\*+|[+?](?=\()|(?<=[)}])[+?]/g)?.length ?? 0;
  return repetitions + groupsOf(name).filter(({ content }) => isAmbiguous(content)).length;
}

/** Whether a group may match one text in several ways: something in it repeats, or two alternatives begin alike. */
function isAmbiguous(content: string): boolean {
  // Within parentheses, a sign may be one of a regular expression.
  if (/[*+(){}\\]/.test(content)) return true;
  const alternatives = content.split(/[|,]/).sort();
  if (alternatives.length > 1 && /[?[]/.test(content)) return true;
  return alternatives.some((text, i) => i > 0 && text.startsWith(alternatives[i - 1]!));
}

function groupsOf(name: string): Group[] {
  const groups: Group[] = [];
  const open: number[] = [];
  for (let i = 0; i < name.length; i++) {
    const sign = name[i]!;
    if (sign === '(' || sign === '{') open.push(i);
    else if (sign === ')' || sign === '}') {
      const from = open.pop();
      if (from === undefined) continue;
      const repeats = /[*+]/.test(name[from - 1] ?? '') || name[i + 1] === '+';
      groups.push({ content: name.slice(from + 1, i), from, end: i, repeats });
    }
  }
  return groups;
}
