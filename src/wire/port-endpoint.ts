import type { MessagePort } from 'node:worker_threads';
import type { Endpoint } from 'comlink';

/**
 * A port as Comlink wants it, which can be closed at any time: Comlink answers calls and releases
 * proxies later than that, and a message to a closed port may abort the process (nodejs/node#56362).
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
    // Node's ports are event targets, too, with events of the shape that Comlink reads.
    addEventListener: port.addEventListener.bind(port) as Endpoint['addEventListener'],
    removeEventListener: port.removeEventListener.bind(port) as Endpoint['removeEventListener'],
    start: () => port.start(),
  };
}
