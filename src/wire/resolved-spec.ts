import type { StageFiles } from './stage-files.js';

/** A component with its options checked and their defaults filled in. */
export interface ResolvedStage {
  readonly use: string;
  readonly options: unknown;
  /**
   * What code it brings into its thread. A thread with native code in it is asked to end and never
   * terminated, since that may end the process. Without it: `javascript`.
   */
  readonly loads?: 'javascript' | 'wasm' | 'native';
  /**
   * Whether it runs a module of the user's, whose state would outlive the job in a thread that is
   * used again: its thread is not.
   */
  readonly runsUserCode?: boolean;
  /** Texts of its options that are marked as secret. */
  readonly secrets?: readonly string[];
  /** Of code of users: its file as it was found when the spec was checked, links followed. That one is loaded. */
  readonly file?: string;
  /** Of a component from outside of the package. */
  readonly outside?: OutsideStage;
}

/** What of a component from outside has to be known where its code is not loaded. */
export interface OutsideStage {
  /** The module that declares it, as the settings name it. */
  readonly module: string;
  /** Options that may change between two starts of a run. */
  readonly mayChange: readonly string[];
  /** What it reads and writes by its options. */
  readonly files?: StageFiles;
}

/** Names of what stands in front of a source, and what each read of it costs. */
export interface SourceGateSettings {
  readonly budget?:
    | {
        readonly provider: string;
        readonly endpoint?: string | undefined;
        readonly tenant?: string | undefined;
        readonly cost: number;
      }
    | undefined;
  readonly breaker?: string | undefined;
}

/** A spec that was checked, as plain data: what is posted to the thread that runs it. */
export interface ResolvedSpec {
  readonly name: string;
  readonly source: ResolvedStage;
  /** What stands in front of the source. */
  readonly gate?: SourceGateSettings;
  readonly operators: readonly ResolvedStage[];
  readonly batcher: ResolvedStage;
  readonly sink: ResolvedStage;
  readonly deadLetter?: { readonly path: string; readonly maxRows: number };
  /** Rows that a batch has room for between the stages. */
  readonly batchRows: number;
  /** Megabytes that columns may take, all stages together. */
  readonly maxMemoryMb: number;
  /** For stages without a seed of their own. */
  readonly seed: number;
}
