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
}

/** Wait between two attempts. */
const AGAIN = millis(1_000);

/**
 * Makes writes wait while the disk is full instead of failing: the run continues by itself once someone
 * has made room. This applies to writes only: after a failed `fsync`, nobody knows what is on the disk.
 */
export class RoomOnDisk {
  readonly #settings: RoomSettings | undefined;
  readonly #warning: OnceAMinute | undefined;

  /** @param settings - Without them, a write fails when the disk is full. */
  constructor(settings?: RoomSettings) {
    this.#settings = settings;
    this.#warning = settings && new OnceAMinute(settings.clock);
  }

  /**
   * Writes all bytes, and continues after a short write or a full disk.
   *
   * @param path - Used in messages.
   * @param doing - As for `outputFailed`.
   * @param write - Writes bytes from an index on, possibly not all of them, and returns how many.
   * @throws {PipelineError} `OUTPUT_FAILED`; after the run was stopped, the stop's reason is its cause.
   */
  async writeAll(
    bytes: Uint8Array,
    { path, doing }: { readonly path: string; readonly doing: string },
    write: (at: number) => Promise<number>,
  ): Promise<void> {
    let hasWaited = false;
    for (let at = 0; at < bytes.length; ) {
      try {
        at += await write(at);
      } catch (error) {
        if (!this.#settings || !lacksRoom(error)) throw outputFailed(doing, path, error);
        await this.#wait(this.#settings, path, doing, error);
        hasWaited = true;
      }
    }
    if (!hasWaited) return;
    this.#warning?.reset();
    this.#settings?.log.info({ path }, 'the disk has room again; the run goes on');
  }

  async #wait(
    { clock, log, stopping }: RoomSettings,
    path: string,
    doing: string,
    error: unknown,
  ): Promise<void> {
    if (this.#warning?.isDue()) {
      log.warn(
        { err: error, path },
        'the disk is full (or the quota used up): the run waits, and goes on by itself once there is room; free some space',
      );
    }
    await sleep(clock, AGAIN, stopping);
    if (!stopping?.aborted) return;
    const { message } = outputFailed(doing, path, error);
    throw new PipelineError('OUTPUT_FAILED', message, { cause: stopping.reason, retryable: true });
  }
}
