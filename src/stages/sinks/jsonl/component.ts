import { defineComponent } from '../../../engine/component.js';
import { loadOnce } from '../../../engine/load-once.js';

export default defineComponent({
  kind: 'sink',
  name: 'jsonl',
  summary: 'JSON lines, one file or parts in a directory.',
  exactlyOnce: 'yes',
  mayChange: ['rotate', 'ifExists', 'openPartsMax'],
  options: async () => (await import('./options.js')).JsonlSinkOptions,
  facts: () => ({ isFenced: true }),
  load: loadOnce(async () => (await import('./jsonl.js')).jsonlSink),
});
