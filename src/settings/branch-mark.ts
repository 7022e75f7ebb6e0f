/** Key of a JSON Schema that says that an option is a branch. Its value: the keys that stay in the options. */
export const BRANCH_MARK = 'x-branch';

/** Keys of every branch besides those of its sink. No option of a sink may have such a name. */
export const BRANCH_KEYS = ['operators', 'batcher', 'queue'] as const;

declare const mark: unique symbol;

/** Says in the type of options what a branch is; the type of a spec puts the stages there. */
export interface BranchOption<Own> {
  readonly [mark]: Own;
}
