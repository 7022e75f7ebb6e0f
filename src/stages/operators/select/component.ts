import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'operator',
  name: 'select',
  summary: 'Keeps, renames and orders columns.',
  options: async () => (await import('./options.js')).SelectOptions,
  load: async () => (await import('./select.js')).selectOperator,
});
