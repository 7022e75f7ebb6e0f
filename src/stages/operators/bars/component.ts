import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'operator',
  name: 'bars',
  summary: 'Bars by event time, one for each symbol and window, each marked as complete or not.',
  exactlyOnce: 'yes',
  mayChange: ['calendar'], // the bars that are open have to be in the same hours: their checkpoint says so
  facts: () => ({ keepsTime: true }),
  options: async () => (await import('./options.js')).BarsOptions,
  load: loadOnce(async () => (await import('./bars.js')).barsOperator),
});
