/** What a full queue may do. The first one never loses a row. */
export const OVERFLOW_POLICIES = ['block', 'conflate', 'drop-oldest', 'drop-newest', 'fail'] as const satisfies readonly OverflowPolicy[];

/**
 * What a full queue does with a further batch. `block`: whoever brings it waits. `conflate`: of each symbol,
 * only the last row stays. `drop-oldest`, `drop-newest`: these rows are dropped. `fail`: the job fails.
 */
export type OverflowPolicy = 'block' | 'conflate' | 'drop-oldest' | 'drop-newest' | 'fail';

/** What an overflow policy is set for, by the kind of row. */
export const OVERFLOW_KINDS = {
  quote: 'quotes',
  trade: 'trades',
  bar: 'bars',
  book: 'books',
  custom: 'custom',
} as const;

/** One policy for rows of any kind, or one for each kind. A kind that is not named blocks. */
export type Overflow =
  | OverflowPolicy
  | { readonly [Kind in (typeof OVERFLOW_KINDS)[keyof typeof OVERFLOW_KINDS]]?: OverflowPolicy | undefined };

/** Returns the policy for rows of a kind. */
export function overflowFor(overflow: Overflow, kind: keyof typeof OVERFLOW_KINDS): OverflowPolicy {
  return typeof overflow === 'string' ? overflow : (overflow[OVERFLOW_KINDS[kind]] ?? 'block');
}

/** Whether a policy may leave rows out. */
export function losesRows(policy: OverflowPolicy): boolean {
  return policy !== 'block' && policy !== 'fail';
}
