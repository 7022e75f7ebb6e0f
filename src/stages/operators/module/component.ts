import { invariant } from '../../../core/invariant.js';
import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'operator',
  name: 'module',
  summary: 'An operator of your own, from a JavaScript module.',
  exactlyOnce: 'by its stages',
  loads: ({ loads }) => loads,
  runsUserCode: true,
  mayChange: ['loads'],
  facts: () => ({ moduleOption: 'path' }),
  options: async () => (await import('./options.js')).ModuleOptions,
  load: async (options, { file }) => {
    invariant(file !== undefined, 'the file of a module is found before it is loaded');
    return (await import('./module.js')).loadModuleOperator(options, file);
  },
});
