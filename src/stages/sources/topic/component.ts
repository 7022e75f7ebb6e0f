import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'source',
  name: 'topic',
  summary: 'Rows of another pipeline of the runtime, as they come.',
  mayChange: ['overflow', 'rows', 'bytes', 'ringBytes', 'producerEnds', 'producerLost'],
  options: async () => (await import('./options.js')).TopicSourceOptions,
  load: async () => (await import('./topic.js')).topicSource,
});
