import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'source',
  name: 'replay',
  summary: 'Recorded ticks from files, as fast as possible or at the speed of their time stamps.',
  exactlyOnce: 'yes',
  mayChange: ['speed'],
  options: async () => (await import('./options.js')).ReplayOptions,
  load: loadOnce(async () => (await import('./replay.js')).replaySource),
});
