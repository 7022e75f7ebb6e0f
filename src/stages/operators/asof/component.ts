import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'operator',
  name: 'asof',
  summary: 'Joins each row with a row of a second source as of its time: a trade with its quote.',
  mayChange: ['rowsMax', 'idle'],
  facts: () => ({ keepsTime: true }),
  options: async () => (await import('./options.js')).AsOfOptions,
  load: async () => (await import('./asof.js')).asOfFactory,
});
