import { InvalidOptionsError } from './errors.js';
import { describeValue } from './shown-text.js';

/*
 * Checks of arguments of public calls, before anything is taken out of them. Types are no guarantee: the caller
 * may be plain JavaScript, and pass `null` or whatever a file held.
 */

/**
 * @param call - Name of the function or class.
 * @throws {InvalidOptionsError} for anything but an object that is no list.
 */
export function assertMapping(call: string, argument: unknown): void {
  if (typeof argument === 'object' && argument !== null && !Array.isArray(argument)) return;
  throw new InvalidOptionsError(call, [`expected a mapping, found ${describeValue(argument)}`]);
}

/**
 * @param call - Name of the function or class.
 * @throws {InvalidOptionsError} for anything but a function.
 */
export function assertFunction(call: string, argument: unknown): void {
  if (typeof argument === 'function') return;
  throw new InvalidOptionsError(call, [`expected a function, found ${describeValue(argument)}`]);
}

/**
 * @param call - Name of the function or class.
 * @throws {InvalidOptionsError} for anything but a list.
 */
export function assertList(call: string, argument: unknown): asserts argument is readonly unknown[] {
  if (Array.isArray(argument)) return;
  throw new InvalidOptionsError(call, [`expected a list, found ${describeValue(argument)}`]);
}

/**
 * @param call - Name of the function or class.
 * @throws {InvalidOptionsError} for anything but a text.
 */
export function assertText(call: string, argument: unknown): void {
  if (typeof argument === 'string') return;
  throw new InvalidOptionsError(call, [`expected a text, found ${describeValue(argument)}`]);
}

/**
 * @param call - Name of the function or class.
 * @throws {InvalidOptionsError} for anything but a signal, and nothing.
 */
export function assertSignal(call: string, argument: unknown): void {
  const signal = { key: 'signal', what: 'an AbortSignal', methods: SIGNAL_METHODS };
  const problems = lackingMethods(signal, argument ?? undefined); // `fetch` takes `null` for none, too
  if (problems.length > 0) throw new InvalidOptionsError(call, problems);
}

const SIGNAL_METHODS = ['throwIfAborted', 'addEventListener', 'removeEventListener'];

/**
 * @param call - Name of the function or class.
 * @throws {InvalidOptionsError} for anything but a worker.
 */
export function assertWorker(call: string, argument: unknown): void {
  assertCapability(call, { key: 'worker', what: 'a Worker', methods: ['once'] }, argument);
}

/**
 * @param call - Name of the function or class.
 * @throws {InvalidOptionsError} for anything but an object with those methods.
 */
export function assertCapability(call: string, capability: Capability, argument: unknown): void {
  const problems = lackingMethods(capability, argument ?? null);
  if (problems.length > 0) throw new InvalidOptionsError(call, problems);
}

/** @throws {InvalidOptionsError} for anything but a clock. */
export function assertClock(call: string, argument: unknown): void {
  assertCapability(call, CLOCK, argument);
}

/** What an object that is given in code must be able to do, and what it is called. */
export interface Capability {
  /** The key under which it is given. */
  readonly key: string;
  readonly what: string;
  readonly methods: readonly string[];
}

/** What measures time. */
export const CLOCK = {
  key: 'clock',
  what: 'a clock',
  methods: ['now', 'wall', 'setTimeout', 'clearTimeout'],
} as const satisfies Capability;

/** Says which methods an object lacks; nothing if it is left out or lacks none. */
export function lackingMethods({ key, what, methods }: Capability, given: unknown): string[] {
  if (given === undefined) return [];
  const object = (given ?? {}) as Readonly<Record<string, unknown>>; // its methods are looked up below
  const lacking = methods.filter((method) => typeof object[method] !== 'function');
  if (lacking.length === 0) return [];
  return [`${key}: expected the methods of ${what}, found none named ${lacking.join(', ')}`];
}
