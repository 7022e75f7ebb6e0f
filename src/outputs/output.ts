import type { PlainData } from '../core/plain-data.js';
import type { FileCut, ResumedFile } from './staging/open-files.js';
import type { StagedFile } from './staging/staged-file.js';

/** A position, and what makes it durable: files may grow and end meanwhile. */
export interface Prepared {
  readonly position: PlainData;
  sync(): Promise<void>;
}

/**
 * Where a file sink's bytes go: a directory of parts or one file. Steps of the protocol, so that an
 * output that is no file system can follow them: claim (`open`), stage (`begin`, `end`), `prepare`,
 * publish (`commit`, `flush`), fence and recover (`resume`).
 */
export interface Output {
  open(): Promise<void>;
  /**
   * After `open`: takes the run over from whoever had it, and goes back to the position.
   * @returns The files to go on with.
   */
  resume(position: PlainData): Promise<readonly ResumedFile[]>;
  /**
   * A file for the next rows.
   * @param partition - The folders that it is to be in, such as `symbol=A/day=2024-01-02`, or nothing.
   */
  begin(partition: string): Promise<StagedFile>;
  /** Takes a file in which all rows are whole. Where no store decides, a part may be seen from now on. */
  end(file: StagedFile): Promise<void>;
  /** Whether the next cuts are to be whole. */
  readonly wantsWhole: boolean;
  /**
   * Notes all that has ended, and what counts of the rest.
   * @param cuts - Of all files that have begun and not ended.
   */
  prepare(cuts: readonly FileCut[]): Promise<Prepared>;
  /** A position of `prepare` counts: what it lists may be seen. */
  commit(position: PlainData): Promise<void>;
  /** Makes all that has ended durable and visible, and answers with the position after it. */
  flush(): Promise<PlainData>;
  /** Files of this run that can be seen. */
  paths(): readonly string[];
  /** One file has room for control records before its first row, and begins before the first checkpoint. */
  readonly isOneFile: boolean;
  /** There is no file yet that tells of the columns, and there is to be one. */
  lacksSchema(): boolean;
  /** Frees everything, and removes what nobody can go on with. Does not throw. */
  close(): Promise<void>;
}

/** Where a beginning fails, what was taken is let go of. */
export async function orClose<T>(output: Pick<Output, 'close'>, begin: () => Promise<T>): Promise<T> {
  try {
    return await begin();
  } catch (error) {
    await output.close();
    throw error;
  }
}

/** What becomes of what is there already. */
export type IfExists = 'error' | 'append' | 'replace';
