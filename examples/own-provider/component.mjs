// A provider of one's own: a source that pages history from an HTTP service.
// @ts-check
import { defineComponent } from 'tickloom/stages';

export default defineComponent({
  kind: 'source',
  name: 'trade-history',
  summary: 'Trades from the history of a service, page by page.',
  mayChange: ['url', 'apiKey', 'pageRows'],
  options: async () => (await import('./options.mjs')).Options,
  load: async () => (await import('./history-source.mjs')).historySource,
});
