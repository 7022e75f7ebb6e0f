/** Atomic operations that no call comes near to. */
const STEPS_MAX = 2_000_000;

/**
 * Runs code that must end, whatever the shared memory holds. Loops over shared memory read it by `Atomics`, so
 * that one without end reaches the limit, and throws.
 */
export async function withStepLimit(work: () => Promise<void>): Promise<void> {
  const native = globalThis.Atomics;
  let steps = 0;
  const count = () => {
    if (++steps > STEPS_MAX) throw new Error('expected a loop to end');
  };
  globalThis.Atomics = new Proxy(native, {
    get(target, name) {
      count();
      return Reflect.get(target, name);
    },
  });
  try {
    await work();
  } finally {
    globalThis.Atomics = native;
  }
}
