import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'sink',
  name: 'topic',
  summary: 'Rows for other pipelines of the runtime.',
  exactlyOnce: {
    cannot: 'gives its consumers the rows since the last checkpoint again after a restart',
    instead: 'write files (parquet, csv, jsonl), and let the other pipeline replay them',
  },
  mayChange: ['blockDeadline', 'consumersDeadline'],
  options: async () => (await import('./options.js')).TopicSinkOptions,
  load: async () => (await import('./topic.js')).topicSink,
});
