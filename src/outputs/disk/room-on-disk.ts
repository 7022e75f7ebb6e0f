import { type Clock, sleep } from '../../core/clock.js';
import { PipelineError } from '../../core/errors.js';
import { OnceAMinute } from '../../core/once-a-minute.js';
import { lacksRoom, outputFailed } from '../../core/output-error.js';
import { millis } from '../../core/units.js';
import type { Logger } from '../../telemetry/logger.js';

export interface RoomSettings {
  readonly clock: Clock;
  readonly log: Logger;
  /** The run is to end without delivery: no write waits any more. */
  readonly stopping?: AbortSignal;
}

/** From one attempt to the next. */
const AGAIN = millis(1_000);

/**
 * Has writes wait while the disk is full, in place of failing: the run goes on by itself once somebody
 * has made room. Only writes: of an `fsync` that failed nobody knows what is on the disk.
 */
export class RoomOnDisk {
  readonly #settings: RoomSettings | undefined;
  readonly #warning: OnceAMinute | undefined;

  /** @param settings - Without them, a write that finds the disk full fails. */
  constructor(settings?: RoomSettings) {
    this.#settings = settings;
    this.#warning = settings && new OnceAMinute(settings.clock);
  }

  /**
   * Writes all bytes, from where a short write or a full disk broke it off.
   *
   * @param path - For messages.
   * @param doing - As for `outputFailed`.
   * @param write - Writes the bytes from one on, or some of them, and answers with how many.
   * @throws {PipelineError} `OUTPUT_FAILED`; once the run stops, with the reason of that as its cause.
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
