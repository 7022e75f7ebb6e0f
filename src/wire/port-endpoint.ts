import type { MessagePort } from 'node:worker_threads';
import type { Endpoint } from 'comlink';

/**
 * Adapts a port to Comlink so that the port can be closed at any time. Comlink may still answer calls and
 * release proxies afterwards, and posting to a closed port may abort the process (nodejs/node#56362).
 */
export function portEndpoint(port: MessagePort): Endpoint {
  let open = true;
  port.once('close', () => {
    open = false;
  });
  return {
    postMessage(message: unknown, transfer?: MessagePort[]) {
      if (open) port.postMessage(message, transfer);
    },
    // The cast is true: Node's ports are event targets, and Comlink reads only fields that their events have.
    addEventListener: port.addEventListener.bind(port) as Endpoint['addEventListener'],
    removeEventListener: port.removeEventListener.bind(port) as Endpoint['removeEventListener'],
    start: () => port.start(),
  };
}
