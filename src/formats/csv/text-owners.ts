let owners = 0;
const OWNERS = new WeakMap<object, number>();

/**
 * Returns the number under which the kernels of this thread cache texts. Readers that give the same text the same
 * number share one, and so share the cache.
 *
 * @param of - What numbers the texts: a dictionary, for instance.
 * @param nullable - Whether an empty field has a number, too.
 */
export function textOwner(of: object, nullable: boolean): number {
  let owner = OWNERS.get(of);
  if (owner === undefined) {
    owner = ++owners;
    OWNERS.set(of, owner);
  }
  return 2 * owner + Number(nullable);
}
