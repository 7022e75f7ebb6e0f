import type { Clock } from '../../src/core/clock.js';
import type {
  HttpAnswer,
  Network,
  RequestOptions,
  Socket,
  SocketEnd,
  SocketListener,
  SocketOptions,
} from '../../src/providers/contract/network.js';
import { ReceivedAnswer } from '../../src/providers/network/received-answer.js';
import { ReceivedFrame } from '../../src/providers/network/received-frame.js';

/** What a fake supplier does when it is asked for a socket: an error refuses it. */
export type OnOpen = (socket: FakeSocket) => unknown;

/** A network in memory, whose other side a test plays. */
export class FakeNetwork implements Network {
  readonly #clock: Clock;
  /** All sockets that were opened, in order. */
  readonly sockets: FakeSocket[] = [];
  /** Instants at which somebody asked for a socket, in ms of the clock. */
  readonly askedMs: number[] = [];
  readonly requests: { readonly url: string; readonly options: RequestOptions }[] = [];
  onOpen: OnOpen = () => {};
  onRequest: (url: string, options: RequestOptions) => Promise<FakeAnswer> | FakeAnswer = () => ({
    body: '{}',
  });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sockets that are not closed. */
  get openSockets(): number {
    return this.sockets.filter(({ isEnded }) => !isEnded).length;
  }

  get last(): FakeSocket {
    return this.sockets.at(-1) as FakeSocket;
  }

  async openSocket(url: string | URL, options: SocketOptions = {}): Promise<Socket> {
    options.signal?.throwIfAborted();
    this.askedMs.push(Number(this.#clock.now()) / 1e6);
    const socket = new FakeSocket(this.sockets.length + 1, String(url), options, this.#clock);
    let onAbort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(options.signal?.reason);
    });
    aborted.catch(() => {});
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const refusal = await Promise.race([this.onOpen(socket), aborted]).finally(() =>
      options.signal?.removeEventListener('abort', onAbort),
    );
    if (refusal instanceof Error) throw refusal;
    this.sockets.push(socket);
    return socket;
  }

  async request(url: string | URL, options: RequestOptions = {}): Promise<HttpAnswer> {
    options.signal?.throwIfAborted();
    this.requests.push({ url: String(url), options });
    const { status = 200, headers = {}, body = '' } = await this.onRequest(String(url), options);
    options.signal?.throwIfAborted();
    return new ReceivedAnswer('Fake', { status, headers, body: Buffer.from(body) });
  }
}

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A socket whose other side is the test. */
export class FakeSocket implements Socket {
  readonly id: number;
  readonly url: string;
  readonly options: SocketOptions;
  readonly #clock: Clock;
  readonly sent: (string | Uint8Array)[] = [];
  readonly sentMs: number[] = [];
  pings = 0;
  isPaused = false;
  isEnded = false;
  /** Whether its close is never answered, nor cut. */
  ignoresClose = false;
  /** Whether frames still reach the listener once it was closed from this side. */
  leaks = false;
  onSend: (message: string | Uint8Array) => void = () => {};
  /** A ping is answered, unless a test says otherwise. */
  onPing: () => void = () => this.pong();
  #listener: SocketListener | undefined;
  #isClosing = false;
  #early: ReceivedFrame[] = [];
  #end: SocketEnd | undefined;

  constructor(id: number, url: string, options: SocketOptions, clock: Clock) {
    this.id = id;
    this.url = url;
    this.options = options;
    this.#clock = clock;
  }

  listen(listener: SocketListener): void {
    this.#listener = listener;
    for (const frame of this.#early.splice(0)) listener.frame(frame);
    if (this.#end) listener.closed(this.#end);
    else this.isPaused = false;
  }

  send(message: string | Uint8Array): boolean {
    if (this.isEnded || this.#isClosing) return false;
    this.sent.push(message);
    this.sentMs.push(Number(this.#clock.now()) / 1e6);
    this.onSend(message);
    return true;
  }

  ping(): void {
    this.pings++;
    this.onPing();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(code = 1_000): void {
    if (this.#isClosing || this.isEnded) return;
    this.#isClosing = true;
    if (!this.ignoresClose) queueMicrotask(() => this.#closed({ code, reason: '', isOwn: true }));
  }

  /** The supplier sends a text. */
  text(text: string): void {
    if (this.isEnded || (this.#isClosing && !this.leaks)) return;
    const wall = this.#clock.wall();
    const bytes = new Uint8Array(Buffer.from(text));
    const frame = new ReceivedFrame(bytes, true, Number(wall / 1_000_000n), Number(wall % 1_000_000n));
    if (this.#listener) this.#listener.frame(frame);
    else this.#early.push(frame);
  }

  json(message: unknown): void {
    this.text(JSON.stringify(message));
  }

  /** A pong comes. */
  pong(): void {
    if (!this.isEnded) this.#listener?.alive?.();
  }

  /** The supplier ends it. */
  drop(code = 1_006, reason = '', error?: unknown): void {
    this.#closed({ code, reason, isOwn: false, ...(error !== undefined && { error }) });
  }

  #closed(end: SocketEnd): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#end = end;
    this.#listener?.closed(end);
  }
}
