import type { StageContext } from '../../../engine/stage.js';

/** Logs each message once. */
export class WarnedOnce {
  readonly #log: StageContext['log'];
  readonly #known = new Set<string>();

  constructor(log: StageContext['log']) {
    this.#log = log;
  }

  once(fields: Readonly<Record<string, unknown>>, message: string): void {
    if (this.#known.has(message)) return;
    this.#known.add(message);
    this.#log.warn(fields, message);
  }
}
