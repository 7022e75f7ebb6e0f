/** A broken invariant is our bug, not the caller's: it is no `RuntimeError` and ends the actor. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** @throws {InvariantError} naming the rule that does not hold. */
export function invariant(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new InvariantError(`Broken invariant: ${rule}`);
}

/** Ends an exhaustive switch: a new member of the union fails to compile here. */
export function unreachable(value: never): never {
  throw new InvariantError(`Broken invariant: unexpected ${String(value)}`);
}
