import { type Capability, lackingMethods } from '../core/assert-argument.js';

/** What options may hold that is code and not data, by its key. */
const CAPABILITIES: readonly Capability[] = [
  // `console` is no logger: it has no `child`, which the first job would ask for.
  { key: 'logger', what: 'a Pino logger', methods: ['debug', 'info', 'warn', 'error', 'child'] },
  { key: 'clock', what: 'a clock', methods: ['now', 'wall', 'setTimeout', 'clearTimeout'] },
  { key: 'source', what: 'the factory of a source', methods: ['plan', 'create'] },
  { key: 'sink', what: 'the factory of a sink', methods: ['create'] },
  { key: 'resilience', what: 'a ResilienceCoordinator', methods: ['limiter', 'breaker', 'throttled'] },
];

/** Returns what is wrong with the objects among options, which no schema checks. */
export function problemsOfCode(options: object): string[] {
  const given = options as Readonly<Record<string, unknown>>;
  return CAPABILITIES.flatMap((capability) => lackingMethods(capability, given[capability.key]));
}
