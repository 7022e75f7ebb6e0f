import { defineComponent } from '../../../engine/component.js';

export default defineComponent({
  kind: 'source',
  name: 'topic',
  summary: 'Rows of another pipeline of the runtime, as they come.',
  exactlyOnce: {
    cannot: 'gives rows as they come: those that come while the job is down are lost',
    instead: 'let the producer write files, and replay them, or do the work in one pipeline',
  },
  mayChange: ['overflow', 'rows', 'bytes', 'ringBytes', 'producerEnds', 'producerLost'],
  options: async () => (await import('./options.js')).TopicSourceOptions,
  load: async () => (await import('./topic.js')).topicSource,
});
