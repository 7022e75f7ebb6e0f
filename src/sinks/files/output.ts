import type { ControlRecord } from '../../core/control-record.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Part } from './manifest.js';
import type { TemporaryFile } from './temporary-file.js';

/** What is known of a part once it is whole. */
export type PartFacts = Pick<Part, 'rows' | 'firstTime' | 'lastTime'>;

/** Where a file sink's bytes go: a directory of parts or one file. */
export interface Output {
  open(): Promise<void>;
  /** After `open`: what was written after the position is discarded. */
  resume(position: PlainData): Promise<void>;
  /** The file for the next rows. One is open at a time. */
  begin(): Promise<TemporaryFile>;
  /** Takes a file that is whole, and makes it durable. */
  end(file: TemporaryFile, facts: PartFacts): Promise<void>;
  /** Notes a control record before row `row` of the open part. */
  control(record: ControlRecord, row: number): void;
  /** Makes all that has ended visible, and answers with the position after it. */
  flush(): Promise<PlainData>;
  /** Files that this run has made visible. */
  paths(): readonly string[];
  /** Whether a run without rows writes a file all the same. */
  readonly writesWithoutRows: boolean;
  /** Frees everything and removes what was not made visible. Does not throw. */
  close(): Promise<void>;
}

/** What becomes of what is there already. */
export type IfExists = 'error' | 'append' | 'replace';
