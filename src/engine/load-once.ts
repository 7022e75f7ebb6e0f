/** What each of these functions has loaded. */
const loaded = new WeakMap<() => unknown, unknown>();

/**
 * Makes a function that loads code once, for the `load` of a component whose code is the same whatever its options
 * are. A failure is not kept: the next call tries again.
 */
export function loadOnce<T extends object>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  const once = async (): Promise<T> => {
    loading ??= load();
    try {
      const found = await loading;
      loaded.set(once, found);
      return found;
    } catch (error) {
      loading = undefined;
      throw error;
    }
  };
  return once;
}

/** Returns what a function of `loadOnce` has loaded; `undefined` before that, and for any other function. */
export function loadedBy<T extends object>(load: (...args: never[]) => Promise<T>): T | undefined {
  return loaded.get(load) as T | undefined; // it was set by the same function
}
