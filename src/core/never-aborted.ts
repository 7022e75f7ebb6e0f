/**
 * A signal that never aborts, for calls that nobody can cancel. All of them share it, so it keeps no
 * listeners: they would never be called, and those that calls forget to remove would add up.
 */
export const NEVER_ABORTED: AbortSignal = new AbortController().signal;

Object.defineProperty(NEVER_ABORTED, 'addEventListener', { value: () => {} });
