import type { MessagePort } from 'node:worker_threads';

/** A port that may be closed at any time, by either side. It keeps no thread alive. */
export class WakePort {
  readonly #port: MessagePort;
  #isOpen = true;

  /**
   * @param onMessage - Called with what the other side has posted.
   * @param onClose - Called once when the other side has closed, or is gone; not after `close`.
   */
  constructor(port: MessagePort, onMessage: (message: unknown) => void, onClose: () => void) {
    this.#port = port;
    port.on('message', (message) => {
      if (this.#isOpen) onMessage(message);
    });
    port.once('close', () => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      onClose();
    });
    port.unref();
  }

  /** Posting on a closed port may abort the process (nodejs/node#56362). */
  post(message: unknown, transfer: readonly MessagePort[] = []): void {
    if (this.#isOpen) this.#port.postMessage(message, transfer);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#port.close();
  }
}
