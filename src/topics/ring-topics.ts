import type { TopicLinks } from '../wire/topic-messages.js';
import { TopicInlet } from './topic-inlet.js';
import type { TopicPort } from './topic-port.js';
import { TopicProducer } from './topic-producer.js';

/** The topics of a runtime: a ring in shared memory for each consumer. @param links - Of this thread. */
export const ringTopics = (links: TopicLinks): TopicPort => ({
  async produce(terms) {
    const producer = new TopicProducer({ ...terms, links });
    try {
      await producer.open();
      return producer;
    } catch (error) {
      producer.close();
      throw error;
    }
  },
  subscribe(position, terms) {
    const inlet = new TopicInlet({ ...terms, links });
    if (position !== undefined) inlet.goOnFrom(position);
    inlet.open();
    return inlet;
  },
});
