import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'source',
  name: 'router',
  summary: 'Several sources of the same data, of which one is read: fails over to the next, and back.',
  exactlyOnce: 'by its stages',
  mayChange: [
    'hold',
    'coolDown',
    'silence',
    'sessions',
    'silentShare',
    'standby',
    'openWithin',
    'backOff',
    'backOffMax',
    'downMax',
  ],
  facts: ({ strategy }) => ({ opensInputs: true, ...(strategy === 'weighted' && { usesSeed: true }) }),
  options: async () => (await import('./options.js')).RouterOptions,
  load: loadOnce(async () => (await import('./router.js')).routerSource),
});
