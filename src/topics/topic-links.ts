import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { TopicLinks } from '../wire/topic-messages.js';
import { WakePort } from './wake-port.js';

/** Leads the stages of a thread to the registry. @param port - Of `TopicRegistry.linkOf`. */
export function topicLinks(port: MessagePort): TopicLinks & { close(): void } {
  const link = new WakePort(
    port,
    () => {},
    () => {},
  );
  return {
    connect() {
      const { port1, port2 } = new MessageChannel();
      link.post(port2, [port2]);
      return port1;
    },
    close: () => link.close(),
  };
}
