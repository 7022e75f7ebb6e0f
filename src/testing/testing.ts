/**
 * For tests of pipelines and of providers: a clock that stands still, a provider that does what a test says, and the
 * checks of the provider contract.
 *
 * @module tickloom/testing
 */

export type { ProviderCheckOptions } from './check-options.js';
export {
  assertProvider,
  type CheckResult,
  checkProvider,
  evidenceTable,
  ProviderCheckError,
  type ProviderCheckReport,
} from './check-provider.js';
export { fakeProvider } from './fake-provider.js';
export type { FakeFault, FakeHistory, FakeScript, FakeStep, FakeStream } from './fake-script.js';
export { VirtualClock, type VirtualClockStart } from './virtual-clock.js';
