import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'operator',
  name: 'filter',
  summary: 'Keeps the rows for which an expression holds.',
  facts: () => ({ keepsNoState: true }),
  exactlyOnce: 'yes',
  options: async () => (await import('./options.js')).FilterOptions,
  load: loadOnce(async () => (await import('./filter.js')).filterOperator),
});
