import {
  assertCapability,
  assertClock,
  assertFunction,
  assertMapping,
  type Capability,
} from '../../core/assert-argument.js';

const COORDINATOR: Capability = {
  key: 'coordinator',
  what: 'a ResilienceCoordinator',
  methods: ['remoteHandle', 'breakerNames'],
};
const LINK: Capability = { key: 'link', what: 'a MessageLink', methods: ['post', 'onMessage'] };

/**
 * Checks the arguments of `ResilienceServer`.
 *
 * @throws {InvalidOptionsError} if one is missing, or is none.
 */
export function checkServerArguments(coordinator: unknown, options: unknown): void {
  const call = 'ResilienceServer';
  assertCapability(call, COORDINATOR, coordinator ?? null);
  assertMapping(call, options);
  const { clock, onProblem } = options as Readonly<Record<string, unknown>>;
  if (clock !== undefined) assertClock(call, clock);
  if (onProblem !== undefined) assertFunction(call, onProblem);
}

/** @throws {InvalidOptionsError} for anything but a link. */
export function checkLink(call: string, link: unknown): void {
  assertCapability(call, LINK, link ?? null);
}

/**
 * Checks the parts of `openRemoteResilience`.
 *
 * @throws {InvalidOptionsError} if one is missing, or is none.
 */
export function checkRemoteParts(parts: unknown): void {
  const call = 'openRemoteResilience';
  assertMapping(call, parts);
  const { handle, link, clock, onProblem } = parts as Readonly<Record<string, unknown>>;
  assertMapping(call, handle);
  assertMapping(call, (handle as Readonly<Record<string, unknown>>).budgets);
  checkLink(call, link);
  if (clock !== undefined) assertClock(call, clock);
  assertFunction(call, onProblem);
}
