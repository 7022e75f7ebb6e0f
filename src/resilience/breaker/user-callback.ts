/**
 * Calls a function of the user, which must not change what the breaker does: whatever it throws, at once
 * or later, goes to `report`.
 *
 * @returns `undefined` if it threw.
 */
export function callUser<T>(callback: () => T, report: (error: unknown) => void): T | undefined {
  try {
    const result = callback();
    // The function may be async, whatever its type says.
    if (typeof result === 'object' && result !== null) void Promise.resolve(result).catch(report);
    return result;
  } catch (error) {
    report(error);
    return undefined;
  }
}
