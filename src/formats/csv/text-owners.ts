let owners = 0;
const OWNERS = new WeakMap<object, number>();

/**
 * The number under which the kernels of this thread keep texts: the same for all readers that give texts the same
 * numbers.
 *
 * @param of - What gives them: a dictionary, for instance.
 * @param nullable - Whether no text has a number, too.
 */
export function textOwner(of: object, nullable: boolean): number {
  let owner = OWNERS.get(of);
  if (owner === undefined) {
    owner = ++owners;
    OWNERS.set(of, owner);
  }
  return 2 * owner + Number(nullable);
}
