import type { open } from 'node:fs/promises';
import { errnoCode, syncFailed } from '../../core/output-error.js';
import { inSyncTurn } from '../../shared-memory/sync-turns.js';
import type { Logger } from '../../telemetry/logger.js';

/** Error codes of file systems that cannot sync a directory. Any other code is a failure. */
const UNSUPPORTED = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Syncs the names in folders, so that they survive a power cut. If a file system does not support this, one
 * warning is logged, and the work continues. On Windows, folders cannot be opened, so this does nothing.
 */
export class FolderSyncs {
  readonly #fs: { readonly open: typeof open };
  readonly #mayBeLost: string;
  #saidUnsupported = false;

  /** @param mayBeLost - For the warning: what a power cut may lose, in the plural. */
  constructor(fs: { readonly open: typeof open }, mayBeLost: string) {
    this.#fs = fs;
    this.#mayBeLost = mayBeLost;
  }

  /**
   * @param log - Receives the warning; without it, a later call may log it.
   * @throws {PipelineError} `OUTPUT_FAILED`, retryable: created or renamed files may be gone after a crash.
   */
  async sync(directory: string, log: Logger | undefined): Promise<void> {
    if (process.platform === 'win32') return;
    try {
      const handle = await this.#fs.open(directory, 'r');
      try {
        await inSyncTurn(() => handle.sync());
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (!UNSUPPORTED.has(errnoCode(error) ?? '')) throw syncFailed(directory, error);
      if (this.#saidUnsupported || !log) return;
      this.#saidUnsupported = true;
      const text = `this file system cannot sync directories: a power cut may lose ${this.#mayBeLost}`;
      log.warn({ directory }, text);
    }
  }
}
