/**
 * Plain reads and counts of shared memory, for places where a glance is enough.
 *
 * V8 calls a function for each operation of `Atomics`: 9 to 13 ns, where a plain read takes 1. A plain read
 * is weaker in three ways. Each use must be right in spite of them.
 *
 * **Not torn.** An aligned 32-bit element is read with one instruction on every platform, in every tier of
 * V8, and so is a 64-bit element where registers have 64 bits.
 *
 * **Possibly old.** A glance may give a value that was overwritten before. It never gives one that was
 * overwritten before something that this thread knows of by an atomic operation, a message or the start of
 * the thread: what happened before stays before (ECMAScript, "happens-before"). So whoever has learned of
 * a write in any of these ways also sees it in a glance. Only a write at the same time may be missed, and
 * then the reader might as well have come first. On x86 a plain read is the same instruction as an atomic
 * one. On ARM it may be answered early: at any time after the last atomic load of the thread, and before
 * the store of a read-modify-write that comes before it. Nothing is early for longer than the processor
 * looks ahead, which is some hundred instructions.
 *
 * **Possibly merged.** The compiler may read once where the code reads twice, if it sees all that lies
 * between. In all uses, a call of a function that it cannot see lies between two glances at one cell: that
 * of the user, of the clock, of a promise, or an atomic operation.
 *
 * Hence the rule: a glance may decide that nothing has to be done, or what an atomic operation is to
 * expect. Whatever acts (spends, trips, takes a probe) is an atomic operation, which fails if the glance
 * was old. The tests explore every interleaving with glances that give any value that they may give
 * (`test/support/weak-memory.ts`).
 */

/** @param words - Shared memory. */
export const glance = (words: Int32Array, cell: number): number => words[cell]!;

/** Of the values of `process.arch`: 64-bit registers, and loads that no later load overtakes. */
const IN_ORDER = new Set(['s390x', 'x64']);

/**
 * Reads a 64-bit cell so that no glance after it gives what was overwritten before: on x86 that is a plain
 * read, elsewhere an atomic one.
 *
 * @param longs - Shared memory.
 */
export const glanceLong: (longs: BigInt64Array, cell: number) => bigint = IN_ORDER.has(process.arch)
  ? (longs, cell) => longs[cell]!
  : (longs, cell) => Atomics.load(longs, cell);

/**
 * Adds one to a cell that no other thread writes, without an atomic operation. Others may see it a moment
 * late, as if what is counted had ended a moment later. The next atomic store or read-modify-write of
 * this thread makes it visible to whoever sees that.
 */
export const tally = (words: Int32Array, cell: number): void => {
  words[cell]!++;
};
