import type { Clock } from '../../core/clock.js';
import { ProviderError } from '../../core/provider-error.js';
import { sharedAbort } from '../../core/shared-abort.js';
import type { Frame, Socket, SocketEnd } from '../contract/network.js';
import type { RowWriter } from '../contract/row-writers.js';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.js';

/** A connection, as the code of a provider sees it. */
export interface Connection {
  /** Ordinal of the connection: 1 for the first one of this call, 2 for the next. */
  readonly generation: number;
  readonly socket: Socket;
  /** Aborts when the connection has ended or is given up. */
  readonly signal: AbortSignal;
  /**
   * Tells that rows are about to be written; call it **before** they are, once for each frame with rows, with the
   * event time of its last row in ms since 1970 (`NaN` if it has none). A snapshot, an acknowledgement and a heartbeat
   * are no rows. After a reconnect, this is what writes the `gap` in front of them; and it is what ends a back-off.
   */
  rows(timeMs: number): void;
  /** The supplier has confirmed the subscription message with this id. */
  acknowledge(id: number): void;
  /** Ends the connection for a reason; the next one follows, or not, by its kind. May be passed on as a function. */
  readonly fail: (error: unknown) => void;
}

/** What handles one connection. What a function throws ends the connection, as `Connection.fail` does. */
export interface Session {
  /** Called once the socket is open, before anything is subscribed to: for logins by message. It has `openedMsMax`. */
  opened?(): Promise<void> | void;
  /**
   * A message came. Never called for a connection that was replaced or has ended. A `SyntaxError` that it throws is
   * taken for a message that is no JSON (`protocol`).
   */
  frame(frame: Frame): void;
  /**
   * Whether a message has rows (or changes of a book). Asked only while this connection waits to take over from an
   * older one: what has rows is kept until then, the rest is handled at once. Needed there by a session that waits for
   * an answer. Default: all messages have.
   */
  hasRows?(frame: Frame): boolean;
  /** All is subscribed to. */
  subscribed?(): void;
  /**
   * The connection ended. It may name the error, where the supplier has close codes of its own.
   * Default: `disconnected`, code 1000 included.
   */
  ended?(end: SocketEnd): ProviderError | undefined;
}

/** Messages and bytes that are kept of a connection that waits to take over. With more, it takes over at once. */
const KEPT_FRAMES_MAX = 65_536;
const KEPT_BYTES_MAX = 16 * 1_024 * 1_024;

export interface KeptConnectionParts {
  readonly provider: string;
  readonly generation: number;
  readonly socket: Socket;
  readonly clock: Clock;
  readonly writer: Pick<RowWriter<never>, 'hasRoom' | 'whenRoom'>;
  readonly heartbeat: HeartbeatOptions;
  /** Whether its rows wait until an older connection is closed. */
  readonly isStandby: boolean;
  /** Rows are about to be written. */
  onRows(timeMs: number, receivedMs: number): void;
  /** A message, ping or pong came. @param receivedMs - When, in ms since 1970; NaN if it is not known. */
  onSign(receivedMs: number): void;
  onAcknowledge(id: number): void;
}

/** One connection from the open socket to its end. Once that has come, nothing of it reaches its session. */
export class KeptConnection implements Connection {
  readonly generation: number;
  readonly socket: Socket;
  readonly #parts: KeptConnectionParts;
  readonly #ending = sharedAbort();
  readonly #heartbeat: Heartbeat;
  /** As the signal says, which is slow to ask for each message. */
  #isOver = false;
  #session: Session | undefined;
  #isStandby: boolean;
  #kept: Frame[] = [];
  #keptBytes = 0;
  #isTakingOver = false;
  #isPaused = false;
  /** Whether the host reads no more. */
  #isHeld = false;
  #roomIsBack: Promise<void> | undefined;
  /** Of the message that is handled. */
  #receivedMs = 0;
  #lastMs = Number.NaN;
  #error: unknown;
  #settleEnd: (() => void) | undefined;
  #settleClosed: (() => void) | undefined;
  #settleKept: (() => void) | undefined;
  /** Resolves with why it ended, once it has. Never rejects. */
  readonly ended: Promise<unknown>;
  /** Resolves once its socket is closed. */
  readonly closed: Promise<void>;
  /** Resolves once rows of it wait for an older connection. */
  readonly keeps: Promise<void>;
  /** Whether more is kept than may be. */
  isOverfull = false;
  #onOverfull: (() => void) | undefined;

  constructor(parts: KeptConnectionParts) {
    const { generation, socket, clock, heartbeat, isStandby } = parts;
    this.generation = generation;
    this.socket = socket;
    this.#parts = parts;
    this.#isStandby = isStandby;
    this.#heartbeat = new Heartbeat(clock, socket, heartbeat, (ms) => this.fail(this.#silent(ms)));
    this.ended = new Promise((resolve) => {
      this.#settleEnd = () => resolve(this.#error);
    });
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    this.keeps = new Promise((resolve) => {
      this.#settleKept = resolve;
    });
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** When the last message came, in ms since 1970; NaN if something else came last. */
  get lastMs(): number {
    return this.#lastMs;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Lets messages come. */
  start(session: Session): void {
    this.#session = session;
    this.#heartbeat.start();
    this.socket.listen({
      frame: (frame) => this.#receive(frame),
      alive: () => this.#alive(),
      held: (isHeld) => {
        this.#isHeld = isHeld;
        this.#heartbeat.isPaused = this.#isPaused || isHeld;
      },
      closed: (end) => this.#closed(end),
    });
  }

  rows(timeMs: number): void {
    if (!this.isOver) this.#parts.onRows(timeMs, this.#receivedMs);
  }

  acknowledge(id: number): void {
    this.#parts.onAcknowledge(id);
  }

  readonly fail = (error: unknown): void => {
    if (this.isOver) return;
    this.#end(error);
    this.socket.close();
    if (!this.#session) this.#settleClosed?.(); // nobody listens to the socket, so nobody will say that it is closed
  };

  /** Calls back once too much is kept. */
  whenOverfull(callback: () => void): void {
    this.#onOverfull = callback;
    if (this.isOverfull) callback();
  }

  /** Handles what was kept, and from now on everything as it comes. */
  takeOver(): void {
    if (this.#isStandby && !this.#isTakingOver) void this.#handleKept();
  }

  /** At once, unless the writer has no room: what comes meanwhile is kept behind it. Never rejects. */
  async #handleKept(): Promise<void> {
    this.#isTakingOver = true;
    while (this.#kept.length > 0) {
      const kept = this.#kept;
      this.#kept = [];
      for (const [n, frame] of kept.entries()) {
        this.#handle(frame);
        if (this.#isPaused) {
          this.#kept = [...kept.slice(n + 1), ...this.#kept];
          break;
        }
      }
      if (this.#isPaused) await this.#roomIsBack;
      if (this.#isOver) this.#kept = [];
    }
    this.#isStandby = false;
  }

  #receive(frame: Frame): void {
    if (this.isOver) return;
    this.#heartbeat.heard();
    this.#lastMs = frame.receivedMs;
    this.#parts.onSign(frame.receivedMs);
    if (this.#isStandby && this.#hasRows(frame)) this.#keep(frame);
    else this.#handle(frame);
  }

  #hasRows(frame: Frame): boolean {
    try {
      return this.#session?.hasRows?.(frame) ?? true;
    } catch (error) {
      this.fail(this.#judged(error));
      return false;
    }
  }

  #handle(frame: Frame): void {
    if (this.isOver) return;
    this.#receivedMs = frame.receivedMs;
    try {
      this.#session?.frame(frame);
    } catch (error) {
      this.fail(this.#judged(error));
    }
    if (!this.#isPaused && !this.#parts.writer.hasRoom) this.#roomIsBack = this.#waitForRoom();
  }

  #keep(frame: Frame): void {
    this.#kept.push(frame);
    this.#keptBytes += frame.bytes.length;
    this.#settleKept?.();
    if (this.#kept.length < KEPT_FRAMES_MAX && this.#keptBytes < KEPT_BYTES_MAX) return;
    this.isOverfull = true;
    this.#onOverfull?.();
  }

  #alive(): void {
    if (this.isOver) return;
    this.#heartbeat.heard();
    this.#lastMs = Number.NaN;
    this.#parts.onSign(Number.NaN);
  }

  async #waitForRoom(): Promise<void> {
    this.#isPaused = true;
    this.#heartbeat.isPaused = true;
    this.socket.pause();
    await this.#parts.writer.whenRoom();
    this.#isPaused = false;
    this.#heartbeat.isPaused = this.#isHeld;
    if (!this.isOver) this.socket.resume();
  }

  #closed(end: SocketEnd): void {
    if (!this.isOver) this.#end(this.#reasonOf(end));
    this.#settleClosed?.();
  }

  #reasonOf(end: SocketEnd): unknown {
    try {
      const named = this.#session?.ended?.(end);
      if (named !== undefined) return named;
    } catch (error) {
      return error;
    }
    const { code, reason, error } = end;
    if (error !== undefined) return error;
    const why = reason === '' ? '' : `: ${reason}`;
    return this.#disconnected(`the connection was closed with code ${code}${why}`);
  }

  #end(error: unknown): void {
    this.#isOver = true;
    this.#error = error;
    this.#kept = [];
    this.#heartbeat.end();
    this.#ending.abort(error);
    this.#settleEnd?.();
  }

  #silent(silenceMs: number): ProviderError {
    return this.#disconnected(`no message and no pong came for ${silenceMs} ms`);
  }

  #disconnected(why: string): ProviderError {
    return new ProviderError('disconnected', `Provider "${this.#parts.provider}": ${why}`);
  }

  #judged(error: unknown): unknown {
    if (!(error instanceof SyntaxError)) return error;
    // Its message has a part of the text, which is the supplier's.
    return new ProviderError(
      'protocol',
      `Provider "${this.#parts.provider}": expected a message as JSON, found one that is none`,
    );
  }
}
