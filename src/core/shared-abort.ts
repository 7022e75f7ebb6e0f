import { setMaxListeners } from 'node:events';

/**
 * A controller of ours whose signal many wait for at the same time, each with a listener that it removes. Node takes
 * more than ten for a leak, and would say so in the process of a user.
 */
export function sharedAbort(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
