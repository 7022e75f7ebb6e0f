import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'sink',
  name: 'topic',
  summary: 'Rows for other pipelines of the runtime.',
  mayChange: ['blockDeadline', 'consumersDeadline'],
  options: async () => (await import('./options.js')).TopicSinkOptions,
  load: async () => (await import('./topic.js')).topicSink,
});
