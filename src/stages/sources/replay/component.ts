import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'source',
  name: 'replay',
  summary: 'Recorded ticks from files, as fast as possible or at the speed of their time stamps.',
  mayChange: ['speed'],
  options: async () => (await import('./options.js')).ReplayOptions,
  load: async () => (await import('./replay.js')).replaySource,
});
