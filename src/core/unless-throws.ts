/**
 * Returns what `read` returns, or `otherwise` if it throws. For values of other people's code, whose getters and
 * `toString` may do so.
 */
export function unlessThrows<T, U>(read: () => T, otherwise: U): T | U {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
