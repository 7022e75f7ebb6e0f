/**
 * The way of a provider to its supplier: sockets and requests. The host gives the real one, a recorder around it, or
 * one that plays a recording back, so a provider that uses it can be recorded and replayed. It knows no gate: take
 * each call of it to the gate.
 */
export interface Network {
  /**
   * Opens a WebSocket. Certificates are checked. Redirects are not followed.
   *
   * @returns Once it is open. Its messages wait until `listen` is called.
   * @throws {ProviderError} With the kind by the HTTP status of a refusal, and `retryAfterMs` where it says so;
   *   `unavailable` if there is no connection within `openMsMax`. The URL in it has neither query nor user.
   * @throws the reason of `signal`, if it aborts before the socket is open.
   */
  openSocket(url: string | URL, options?: SocketOptions): Promise<Socket>;
  /**
   * Makes an HTTP request and reads its answer to the end.
   *
   * @returns The answer, whatever its status: see `expectSuccess`.
   * @throws {ProviderError} `unavailable` or `disconnected` if there is no answer within `answerMsMax`, or none to the
   *   end; `protocol` if it is larger than `bytesMax` or redirected too often. The URL in it has neither query nor user.
   * @throws the reason of `signal`, if it aborts.
   */
  request(url: string | URL, options?: RequestOptions): Promise<HttpAnswer>;
}

/** How a socket is opened. */
export interface SocketOptions {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly protocols?: readonly string[] | undefined;
  /** Ends the opening. An open socket is ended with `close`. */
  readonly signal?: AbortSignal | undefined;
  /** Ms for the opening. Default: 10000. */
  readonly openMsMax?: number | undefined;
  /** A larger message closes the socket (`protocol`). Default: 16777216. */
  readonly frameBytesMax?: number | undefined;
  /** Whether messages may be compressed (permessage-deflate). Default: no. */
  readonly compress?: boolean | undefined;
  /** Name of this socket in captures, where several have one URL. A capture keeps no query. */
  readonly label?: string | undefined;
}

/** An open WebSocket. */
export interface Socket {
  /** Number of the connection among those of its source, from 1. */
  readonly id: number;
  /** Begins to deliver. Called once. Calls come in order; the last one is `closed`, always, and once. */
  listen(listener: SocketListener): void;
  /**
   * Sends a message: a text, or bytes. After the end of the socket, it does nothing.
   *
   * @returns Whether it was taken. If not, the socket has ended, or more than 1 MiB wait to be sent.
   */
  send(message: string | Uint8Array): boolean;
  /** Sends a ping of the protocol. Its pong is told to `alive`. */
  ping(): void;
  /** Reads no more from the connection, so that the supplier has to wait. A few messages may still come. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /**
   * Closes it, and cuts the connection after 2 s without an answer. No further frame is delivered; `closed` comes.
   * @param code - Of the WebSocket protocol. Default: 1000.
   */
  close(code?: number): void;
}

/** What is told of a socket. Functions must not throw: what they throw closes the socket, and is told to `closed`. */
export interface SocketListener {
  /** A message. */
  frame(frame: Frame): void;
  /** A ping or a pong came. Pings are answered without further ado. */
  alive?(): void;
  /** The host reads no more, since it is behind itself, or reads again: silence means nothing meanwhile. */
  held?(isHeld: boolean): void;
  /** It has ended, whoever ended it. */
  closed(end: SocketEnd): void;
}

/** A message of a socket. */
export interface Frame {
  /** As they came. They are yours. */
  readonly bytes: Uint8Array;
  /** Whether it was sent as text. */
  readonly isText: boolean;
  /** When it was received, in whole ms since 1970 UTC. */
  readonly receivedMs: number;
  /** The ns past it. Never before the frame before it. */
  readonly receivedSubMsNs: number;
  /** The bytes as text (UTF-8). Decoded at each call. */
  text(): string;
}

/** How a socket ended. */
export interface SocketEnd {
  /** Close code of the WebSocket protocol; 1006 if the connection broke off, 1005 if no code was sent. */
  readonly code: number;
  /** Up to 123 bytes of the supplier's. */
  readonly reason: string;
  /** What broke it, without credentials. `undefined` after a close in order. */
  readonly error?: unknown;
  /** Whether it was closed from this side. */
  readonly isOwn: boolean;
}

/** How a request is made. */
export interface RequestOptions {
  /** Default: `GET`. */
  readonly method?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Ms for the whole answer. Default: 10000. */
  readonly answerMsMax?: number | undefined;
  /** Bytes of the body, decompressed. Default: 67108864. */
  readonly bytesMax?: number | undefined;
  /**
   * Number of redirects that are followed, for GET and HEAD alone. To another origin go `accept`, `accept-language`,
   * `content-type` and `user-agent` alone: any other header may be a credential. Default: 3.
   */
  readonly redirectsMax?: number | undefined;
  /** Name of this request in captures, where several have one path, such as a symbol. A capture keeps no query. */
  readonly label?: string | undefined;
}

/** An HTTP answer. */
export interface HttpAnswer {
  readonly status: number;
  /** By name, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The body as text (UTF-8). */
  text(): string;
  /** The body as JSON. @throws {ProviderError} `protocol` if it is none. */
  json(): unknown;
}
