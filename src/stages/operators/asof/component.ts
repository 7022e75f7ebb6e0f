import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

const WITHOUT_TOLERANCE = {
  input: 'with',
  option: 'tolerance',
  message:
    'expected how far a later row may be, since the second source is live: without it, a row waits for a later one ' +
    'of its symbol however long, and all rows behind it with it',
} as const;

export default defineComponent({
  kind: 'operator',
  name: 'asof',
  summary: 'Joins each row with a row of a second source as of its time: a trade with its quote.',
  exactlyOnce: 'by its stages',
  mayChange: ['rowsMax', 'idle'],
  facts: ({ direction, tolerance }) => ({
    keepsTime: true,
    ...(direction !== 'backward' && tolerance === undefined && { replayOnly: WITHOUT_TOLERANCE }),
  }),
  options: async () => (await import('./options.js')).AsOfOptions,
  load: loadOnce(async () => (await import('./asof.js')).asOfFactory),
});
