import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'operator',
  name: 'select',
  summary: 'Keeps, renames and orders columns.',
  facts: () => ({ keepsNoState: true }),
  exactlyOnce: 'yes',
  options: async () => (await import('./options.js')).SelectOptions,
  load: loadOnce(async () => (await import('./select.js')).selectOperator),
});
