// A component of one's own: a module of the settings declares it, and specs say `use: wide-spreads`.
// Its schema and its code are loaded when they are needed, so that a thread has no more than it runs.
// @ts-check
import { defineComponent } from 'tickloom/stages';

export default defineComponent({
  kind: 'operator',
  name: 'wide-spreads',
  summary: 'Keeps quotes with a spread of some basis points or more, and adds the spread.',
  options: async () => (await import('./options.mjs')).Options,
  load: async () => (await import('./wide-spreads.mjs')).wideSpreads,
});
