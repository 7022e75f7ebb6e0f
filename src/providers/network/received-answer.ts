import { ProviderError } from '../../core/provider-error.js';
import type { HttpAnswer } from '../contract/network.js';
import { textOf } from './received-frame.js';

/** An HTTP answer that has come, from a server or from a capture. */
export class ReceivedAnswer implements HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly #who: string;

  /** @param who - Whose answer it is, for messages. */
  constructor(who: string, { status, headers, body }: Pick<HttpAnswer, 'status' | 'headers' | 'body'>) {
    this.status = status;
    this.headers = headers;
    this.body = body;
    this.#who = who;
  }

  text(): string {
    return textOf(this.body);
  }

  json(): unknown {
    try {
      return JSON.parse(this.text());
    } catch {
      // The error of `JSON.parse` has a part of the text, which is the supplier's and may hold anything.
      throw new ProviderError(
        'protocol',
        `${this.#who}: expected an answer as JSON, found ${this.body.length} bytes that are none (status ${this.status})`,
      );
    }
  }
}
