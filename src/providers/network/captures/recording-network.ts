import { Buffer } from 'node:buffer';
import type { Clock } from '../../../core/clock.js';
import { redact } from '../../../core/redact.js';
import type {
  Frame,
  HttpAnswer,
  RequestOptions,
  Socket,
  SocketEnd,
  SocketListener,
  SocketOptions,
} from '../../contract/network.js';
import type { OwnedNetwork } from '../owned-network.js';
import { ReceiveTimes } from '../receive-times.js';
import { shownUrl } from '../shown-url.js';
import type { CaptureFile } from './capture-file.js';
import { asLine, CAPTURE_VERSION, type LineKind } from './capture-lines.js';
import { failureNote } from './failure-note.js';

/** Ns since 1970 as digits, without a bigint. */
const nsText = (ms: number, sub: number): string => `${ms}${String(sub).padStart(6, '0')}`;

/** Headers of answers that are kept: what a provider may go by, and no cookies. */
const isKept = (name: string): boolean => !/cookie|authorization|token|secret|key/i.test(name);

/** A network that writes down what it delivers. */
export class RecordingNetwork implements OwnedNetwork {
  readonly #inner: OwnedNetwork;
  readonly #file: CaptureFile;
  readonly #times: ReceiveTimes;
  readonly #sockets = new Set<RecordingSocket>();
  #numbers = 0;
  #isHigh = false;

  constructor(inner: OwnedNetwork, file: CaptureFile, clock: Clock) {
    this.#inner = inner;
    this.#file = file;
    this.#times = new ReceiveTimes(clock);
  }

  /** Writes the first line. */
  begin(facts: Readonly<Record<string, unknown>>): void {
    this.note(0, 'capture', { version: CAPTURE_VERSION, ...facts });
  }

  /** Makes suppliers wait, or lets them go on. */
  press(isHigh: boolean): void {
    this.#isHigh = isHigh;
    for (const socket of this.#sockets) socket.press(isHigh);
  }

  async openSocket(url: string | URL, options: SocketOptions = {}): Promise<Socket> {
    const number = ++this.#numbers;
    this.note(number, 'open', { url: shownOf(url), label: options.label });
    try {
      const socket = new RecordingSocket(await this.#inner.openSocket(url, options), number, this);
      this.note(number, 'opened', '');
      this.#sockets.add(socket);
      if (this.#isHigh) socket.press(true);
      return socket;
    } catch (error) {
      this.failed(number, error);
      throw error;
    }
  }

  async request(url: string | URL, options: RequestOptions = {}): Promise<HttpAnswer> {
    const number = ++this.#numbers;
    this.note(number, 'ask', { method: options.method ?? 'GET', url: shownOf(url), label: options.label });
    try {
      const answer = await this.#inner.request(url, options);
      const headers = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => isKept(name)));
      this.note(number, 'answer', { status: answer.status, headers });
      const { kind, body } = asLine('<', answer.body, isText(answer.body));
      this.note(number, kind, body);
      return answer;
    } catch (error) {
      this.failed(number, error);
      throw error;
    }
  }

  /** Ends the capture, too. */
  async close(): Promise<void> {
    try {
      await this.#inner.close();
    } finally {
      this.#times.stamp();
      await this.#file.close(nsText(this.#times.ms, this.#times.sub));
    }
  }

  /** Writes a line with the present as its time. */
  note(number: number, kind: LineKind, body: Uint8Array | string | Readonly<Record<string, unknown>>): void {
    this.#times.stamp();
    const { ms, sub } = this.#times;
    const isFields = typeof body === 'object' && !(body instanceof Uint8Array);
    this.#file.add(nsText(ms, sub), number, kind, isFields ? JSON.stringify(body) : body);
  }

  failed(number: number, error: unknown): void {
    this.note(number, 'failed', failureNote(error, this.#times.ms));
  }

  frame(number: number, { bytes, isText, receivedMs, receivedSubMsNs }: Frame): void {
    const { kind, body } = asLine('<', bytes, isText);
    this.#file.add(nsText(receivedMs, receivedSubMsNs), number, kind, body);
  }

  ended(socket: RecordingSocket, number: number, { code, reason, isOwn, error }: SocketEnd): void {
    this.#sockets.delete(socket);
    this.note(number, 'closed', {
      code,
      reason,
      isOwn,
      ...(error !== undefined && { error: failureNote(error, this.#times.ms) }),
    });
  }
}

/** A body that is UTF-8 stands in the capture as text, so that people can read it. */
function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** What is no URL is refused by the network itself. */
function shownOf(url: string | URL): string {
  try {
    return shownUrl(new URL(url));
  } catch {
    return '';
  }
}

class RecordingSocket implements Socket {
  readonly id: number;
  readonly #inner: Socket;
  readonly #number: number;
  readonly #network: RecordingNetwork;
  /** Whether its user, and whether the capture, wants it to wait. */
  #isPaused = false;
  #isPressed = false;
  #listener: SocketListener | undefined;

  constructor(inner: Socket, number: number, network: RecordingNetwork) {
    this.id = inner.id;
    this.#inner = inner;
    this.#number = number;
    this.#network = network;
  }

  listen(listener: SocketListener): void {
    const network = this.#network;
    const number = this.#number;
    this.#listener = listener;
    if (this.#isPressed) listener.held?.(true);
    this.#inner.listen({
      frame(frame) {
        network.frame(number, frame); // first: its bytes are the listener's then
        listener.frame(frame);
      },
      alive() {
        network.note(number, '.', '');
        listener.alive?.();
      },
      closed: (end) => {
        network.ended(this, number, end);
        listener.closed(end);
      },
    });
    if (this.#isPressed) this.#inner.pause(); // which a socket is not that is listened to
  }

  send(message: string | Uint8Array): boolean {
    const isTaken = this.#inner.send(message);
    if (isTaken) {
      // Credentials cannot be told in bytes.
      if (typeof message !== 'string') this.#network.note(this.#number, '>b', '');
      else {
        const { kind, body } = asLine('>', Buffer.from(redact(message)), true);
        this.#network.note(this.#number, kind, body);
      }
    }
    return isTaken;
  }

  ping(): void {
    this.#inner.ping();
  }

  pause(): void {
    this.#isPaused = true;
    this.#inner.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isPressed) this.#inner.resume();
  }

  press(isHigh: boolean): void {
    this.#isPressed = isHigh;
    this.#network.note(this.#number, isHigh ? 'held' : 'freed', '');
    this.#listener?.held?.(isHigh);
    if (isHigh) this.#inner.pause();
    else if (!this.#isPaused) this.#inner.resume();
  }

  close(code?: number): void {
    this.#inner.close(code);
  }
}
