import { type Clock, sleep } from '../../core/clock.js';
import { PipelineError } from '../../core/errors.js';
import { OnceAMinute } from '../../core/once-a-minute.js';
import { lacksRoom, outputFailed } from '../../core/output-error.js';
import { millis } from '../../core/units.js';
import type { Logger } from '../../telemetry/logger.js';

export interface RoomSettings {
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the run ends without delivery; from then on, no write waits. */
  readonly stopping?: AbortSignal;
  /** Told of each wait, since it is no lack of progress. */
  readonly knownWaits?: { during<T>(wait: Promise<T>): Promise<T> } | undefined;
}

/** Wait between two attempts. */
const AGAIN = millis(1_000);

/** What is being done, for messages. */
export interface RoomWanted {
  readonly path: string;
  /** As for `outputFailed`. */
  readonly doing: string;
}

/**
 * Makes steps that need room wait while the disk is full instead of failing: the run continues by itself
 * once someone has made room. This does not apply to `fsync`: after a failed one, nobody knows what is on
 * the disk.
 */
export class RoomOnDisk {
  readonly #settings: RoomSettings | undefined;
  readonly #warning: OnceAMinute | undefined;

  /** @param settings - Without them, a step fails when the disk is full. */
  constructor(settings?: RoomSettings) {
    this.#settings = settings;
    this.#warning = settings && new OnceAMinute(settings.clock);
  }

  /**
   * Takes a step, again and again while the disk is full.
   *
   * @param step - Throws what the file system throws, and then leaves nothing behind. Errors of ours, such
   *   as that of a failed sync, are final.
   * @throws What the step throws otherwise; `OUTPUT_FAILED` after a stop, with the stop's reason as its cause.
   */
  async untilDone<T>(wanted: RoomWanted, step: () => Promise<T>): Promise<T> {
    for (let hasWaited = false; ; hasWaited = true) {
      try {
        const done = await step();
        if (hasWaited) this.#goOn(wanted);
        return done;
      } catch (error) {
        if (!this.#settings || error instanceof PipelineError || !lacksRoom(error)) throw error;
        await this.#wait(this.#settings, wanted, error);
      }
    }
  }

  /**
   * Writes all bytes, and continues after a short write or a full disk.
   *
   * @param write - Writes bytes from an index on, possibly not all of them, and returns how many.
   * @throws {PipelineError} `OUTPUT_FAILED`; after the run was stopped, the stop's reason is its cause.
   */
  async writeAll(
    bytes: Uint8Array,
    wanted: RoomWanted,
    write: (at: number) => Promise<number>,
  ): Promise<void> {
    let hasWaited = false;
    for (let at = 0; at < bytes.length; ) {
      try {
        at += await write(at);
      } catch (error) {
        if (!this.#settings || !lacksRoom(error)) throw outputFailed(wanted.doing, wanted.path, error);
        await this.#wait(this.#settings, wanted, error);
        hasWaited = true;
      }
    }
    if (hasWaited) this.#goOn(wanted);
  }

  #goOn({ path }: RoomWanted): void {
    this.#warning?.reset();
    this.#settings?.log.info({ path }, 'the disk has room again; the run continues');
  }

  async #wait(
    { clock, log, stopping, knownWaits }: RoomSettings,
    { path, doing }: RoomWanted,
    error: unknown,
  ): Promise<void> {
    if (this.#warning?.isDue()) {
      log.warn(
        { err: error, path },
        'the disk is full (or the quota used up): the run waits, and continues by itself once there is room; free some space',
      );
    }
    const waiting = sleep(clock, AGAIN, stopping);
    await (knownWaits?.during(waiting) ?? waiting);
    if (!stopping?.aborted) return;
    const { message } = outputFailed(doing, path, error);
    throw new PipelineError('OUTPUT_FAILED', message, { cause: stopping.reason, retryable: true });
  }
}
