import type { PlainData } from '../../core/plain-data.js';
import type { StagedFile } from '../../outputs/staged-file.js';

/**
 * Where a file sink's bytes go: a directory of parts or one file. Steps of the protocol, so that an
 * output that is no file system can follow them: claim (`open`), stage (`begin`, `end`), `prepare`,
 * publish (`commit`, `flush`), fence and recover (`resume`).
 */
export interface Output {
  open(): Promise<void>;
  /** After `open`: takes the run over from whoever had it, and goes back to the position. */
  resume(position: PlainData): Promise<void>;
  /** The file for the next rows. One is open at a time. */
  begin(): Promise<StagedFile>;
  /** Takes a file in which all rows are whole. Where no store decides, a part may be seen from now on. */
  end(file: StagedFile): Promise<void>;
  /** Makes all that has ended durable, and answers with the position after it. */
  prepare(): Promise<PlainData>;
  /** A position of `prepare` counts: what it lists may be seen. */
  commit(position: PlainData): Promise<void>;
  /** Makes all that has ended durable and visible, and answers with the position after it. */
  flush(): Promise<PlainData>;
  /** Files of this run that can be seen. */
  paths(): readonly string[];
  /** One file has room for control records before its first row. */
  readonly isOneFile: boolean;
  /** There is no file yet that tells of the columns, and there is to be one. */
  lacksSchema(): boolean;
  /** Frees everything, and removes what nobody can go on with. Does not throw. */
  close(): Promise<void>;
}

/** What becomes of what is there already. */
export type IfExists = 'error' | 'append' | 'replace';
