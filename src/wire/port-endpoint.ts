import type { MessagePort } from 'node:worker_threads';
import type { Endpoint } from 'comlink';

/** What Comlink reads of an event: an endpoint without origins, as here, has none. */
type Hear = (event: { readonly data: unknown }) => void;

/**
 * Adapts a port to Comlink so that the port can be closed at any time. Comlink may still answer calls and
 * release proxies afterwards, and posting to a closed port may abort the process (nodejs/node#56362).
 *
 * Comlink's listeners get an event of ours, by `on`. By `addEventListener`, they would get one of Node's: from
 * Node 22 on, its class comes with the whole of Undici, which a thread loads for 20 ms with its first message.
 */
export function portEndpoint(port: MessagePort): Endpoint {
  let open = true;
  const heard = new Map<unknown, { readonly type: string; readonly hear: (data: unknown) => void }>();
  port.once('close', () => {
    open = false;
    for (const { type, hear } of heard.values()) port.off(type, hear);
    heard.clear();
  });
  return {
    postMessage(message: unknown, transfer?: MessagePort[]) {
      if (open) port.postMessage(message, transfer);
    },
    addEventListener(type, listener) {
      // The cast is true: Comlink gives functions, which read no other field.
      const hear = (data: unknown) => (listener as unknown as Hear)({ data });
      heard.set(listener, { type, hear });
      port.on(type, hear);
    },
    removeEventListener(type, listener) {
      const known = heard.get(listener);
      if (known === undefined) return;
      heard.delete(listener);
      port.off(type, known.hear);
    },
    start: () => port.start(),
  };
}
