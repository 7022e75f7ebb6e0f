import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Clock, TimerHandle } from '../../src/core/clock.js';

/**
 * Whether what lives in it gets on: it runs, it is stopped for a while, or it has ended for good. Whoever waits in
 * `pass` when it ends, waits for ever, as the code of a thread that was killed.
 */
export class Life {
  readonly #outer: Life | undefined;
  readonly #inner = new Set<Life>();
  #waiting: (() => void)[] = [];
  #isStopped = false;
  #hasEnded = false;
  readonly #ends: (() => void)[] = [];

  /** @param outer - Of the process, for a thread: stopped and ended with it. */
  constructor(outer?: Life) {
    this.#outer = outer;
    if (outer?.hasEnded) this.#hasEnded = true;
    else if (outer) outer.#inner.add(this);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isRunning(): boolean {
    return !this.#isStopped && !this.#hasEnded && (this.#outer?.isRunning ?? true);
  }

  stop(): void {
    this.#isStopped = true;
  }

  goOn(): void {
    this.#isStopped = false;
    this.#wake();
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#waiting = [];
    for (const inner of this.#inner) inner.end();
    for (const tell of this.#ends.splice(0)) tell();
    if (this.#outer) this.#outer.#inner.delete(this);
  }

  /** At once, if it has ended. */
  onEnd(tell: () => void): void {
    if (this.#hasEnded) tell();
    else this.#ends.push(tell);
  }

  /** Resolves at once while it runs. */
  async pass(): Promise<void> {
    while (!this.isRunning) await new Promise<void>((resolve) => this.whenRunning(resolve));
  }

  /** Now, or once it goes on; never, once it has ended. */
  whenRunning(act: () => void): void {
    if (this.isRunning) act();
    else if (!this.#hasEnded) this.#waiting.push(act);
  }

  #wake(): void {
    if (!this.isRunning) return;
    for (const act of this.#waiting.splice(0)) act();
    for (const inner of this.#inner) inner.#wake();
  }
}

/** The clock as it is seen in a life: its timers fire while it runs, or once it does. */
export function clockIn(life: Life, clock: Clock): Clock {
  const timers = new Set<TimerHandle>();
  life.onEnd(() => {
    for (const timer of timers) clock.clearTimeout(timer);
  });
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
    setTimeout(callback, delayMs) {
      const timer = { handle: undefined as TimerHandle, isOver: life.hasEnded };
      if (timer.isOver) return timer;
      timer.handle = clock.setTimeout(() => {
        timers.delete(timer.handle);
        life.whenRunning(() => {
          if (!timer.isOver) callback();
        });
      }, delayMs);
      timers.add(timer.handle);
      return timer;
    },
    clearTimeout(handle) {
      const timer = handle as { handle: TimerHandle; isOver: boolean } | undefined;
      if (!timer) return;
      timer.isOver = true;
      timers.delete(timer.handle);
      clock.clearTimeout(timer.handle);
    },
  };
}

/** A port whose messages come through while a life runs, and get lost once it has ended. */
export function portIn(life: Life, far: MessagePort): MessagePort {
  const { port1, port2 } = new MessageChannel();
  const pass = (from: MessagePort, to: MessagePort) =>
    from.on('message', (message) => life.whenRunning(() => to.postMessage(message)));
  pass(far, port1);
  pass(port1, far);
  port2.on('close', () => far.close());
  life.onEnd(() => {
    port2.close();
    far.close();
  });
  return port2;
}
