export { VirtualClock as SimulatedClock } from '../../src/testing/virtual-clock.js';
