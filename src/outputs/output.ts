import type { PlainData } from '../core/plain-data.js';
import type { FileCut, OutputFile, ResumedFile } from './output-file.js';

/** A position, and the step that makes it durable. Files may grow and end before that step. */
export interface Prepared {
  readonly position: PlainData;
  sync(): Promise<void>;
}

/**
 * Where the bytes of a file sink go: a directory of parts or one file. The methods are the steps of the
 * protocol, so that an output other than a file system can implement them: claim (`open`), stage
 * (`begin`, `keepUp`, `end`), `prepare`, publish (`commit`, `flush`), fence and recover (`resume`). An output is given
 * files that it has begun or continued itself, so it may ask for its own kind of file.
 *
 * What all implementations promise is in `test/outputs/output-contract.test.ts`. It runs over a directory, and
 * over an object store in memory that has no rename, no folders and no open files.
 */
export interface Output {
  open(): Promise<void>;
  /**
   * Takes over the run from its earlier owner and restores the position. Called after `open`.
   *
   * @returns The files to continue.
   */
  resume(position: PlainData): Promise<readonly ResumedFile[]>;
  /**
   * Begins a file for the next rows.
   *
   * @param partition - The folders that it belongs in, such as `symbol=A/day=2024-01-02`, or nothing.
   */
  begin(partition: string): Promise<OutputFile>;
  /** Accepts a finished file. Without a checkpoint store, a part may be visible from now on. */
  end(file: OutputFile): Promise<void>;
  /** Whether each file is durable and visible as soon as it has ended. */
  readonly publishesAtEnd: boolean;
  /**
   * Called after each write. Makes what has grown durable behind the flow, so that a checkpoint has little
   * left to do, and waits while too much is not durable.
   */
  keepUp(): Promise<void>;
  /** Whether the next cuts must be whole. */
  readonly wantsWhole: boolean;
  /**
   * Records everything that has ended, and the part of the open files that counts.
   *
   * @param cuts - Cuts of all files that have begun but not ended.
   */
  prepare(cuts: readonly FileCut[]): Promise<Prepared>;
  /** Called when a position from `prepare` was accepted: the files that it lists may become visible. */
  commit(position: PlainData): Promise<void>;
  /** Makes everything that has ended durable and visible, and returns the position after it. */
  flush(): Promise<PlainData>;
  /** Files of this run that are visible. */
  paths(): readonly string[];
  /**
   * Whether the output is one file. It then holds control records before its first row, and begins before
   * the first checkpoint.
   */
  readonly isOneFile: boolean;
  /** Whether a file that states the columns is needed, and there is none yet. */
  lacksSchema(): boolean;
  /** Frees everything, and removes what nobody can resume. Does not throw. */
  close(): Promise<void>;
}

/** Runs the beginning of an output, and closes the output if that fails. */
export async function orClose<T>(output: Pick<Output, 'close'>, begin: () => Promise<T>): Promise<T> {
  try {
    return await begin();
  } catch (error) {
    await output.close();
    throw error;
  }
}

/** What to do with existing output. */
export type IfExists = 'error' | 'append' | 'replace';
