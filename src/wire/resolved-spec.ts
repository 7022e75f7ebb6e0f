import type { CalendarData } from '../calendars/calendar-data.js';
import type { Column } from '../columns/schema.js';
import type { BranchPlace } from '../settings/branch-place.js';
import type { JobTermsInput } from '../settings/job-terms.js';
import type { QueueSettings } from '../settings/queue-options.js';
import type { StageFacts } from './stage-facts.js';
import type { NamedPath, StageFiles } from './stage-files.js';
import type { BranchTree, InputTree, Path } from './stage-tree.js';

/** A component with its options checked and their defaults filled in. */
export interface ResolvedStage {
  readonly use: string;
  /** Given by the user; unique in its spec. */
  readonly name?: string;
  /** Without the stages inside it, which are in `inputs` and `branches`. */
  readonly options: unknown;
  /** What it reads besides its input stream, by id: `with`, `sources[1]`. */
  readonly inputs?: Readonly<Record<string, ResolvedInput>>;
  /** What it passes rows on to, if it is a sink, by id: `branches[0]`, `routes.large`. */
  readonly branches?: Readonly<Record<string, ResolvedBranch>>;
  /**
   * The kind of code that it loads into its thread. A thread with native code is asked to end and never
   * terminated, since that could end the process. Default: `javascript`.
   */
  readonly loads?: 'javascript' | 'wasm' | 'native';
  /**
   * Whether it runs a user module. If so, its thread is not reused, since the state of the module would
   * outlive the job.
   */
  readonly runsUserCode?: boolean;
  /** Options that may change between two starts of a run. Without it: none. */
  readonly mayChange?: readonly string[];
  /** What its component says of it by its options. */
  readonly facts?: StageFacts;
  /** Texts of its options that are marked as secret. */
  readonly secrets?: readonly string[];
  /** Calendars that its options name by their files. */
  readonly calendars?: readonly StageCalendar[];
  /** Of code of users: its file as it was found when the spec was checked, links followed. That one is loaded. */
  readonly file?: string;
  /** Of a component from outside of the package. */
  readonly outside?: OutsideStage;
}

/** The file of a calendar, and what was in it when the spec was checked. */
export interface StageCalendar extends NamedPath {
  readonly data: CalendarData;
}

/** An input of a stage: a source with operators behind it. */
export interface ResolvedInput extends InputTree<ResolvedStage> {
  /** The budget and the breaker in front of its source. */
  readonly gate?: SourceGateSettings;
  /** The queue behind its source. Default: by what the source is. */
  readonly queue?: QueueSettings;
}

/** A branch of a sink: a sink with operators, a batcher and a queue before it. */
export interface ResolvedBranch extends BranchTree<ResolvedStage> {
  readonly queue: QueueSettings;
}

/** What of a component from outside has to be known where its code is not loaded. */
export interface OutsideStage {
  /** The module that declares it, as the settings name it. */
  readonly module: string;
  /** What it reads and writes by its options. */
  readonly files?: StageFiles;
  /** Which of its options are stages inside it. */
  readonly inputOptions?: readonly Path[];
  /** Which of its options are branches, and their keys that stay among its options. */
  readonly branchOptions?: readonly BranchPlace[];
}

/** The budget and the breaker in front of a source, and what each read costs. */
export interface SourceGateSettings {
  readonly budget?:
    | {
        readonly provider: string;
        readonly endpoint?: string | undefined;
        readonly tenant?: string | undefined;
        /** Permits for each read. */
        readonly cost: number;
      }
    | undefined;
  readonly breaker?: string | undefined;
}

/** A checked spec, as plain data that is posted to the thread that runs it. */
export interface ResolvedSpec {
  readonly name: string;
  readonly source: ResolvedStage;
  /** The budget and the breaker in front of the source. */
  readonly gate?: SourceGateSettings;
  /** The queue behind the source. Default: by what the source is. */
  readonly queue?: QueueSettings;
  readonly operators: readonly ResolvedStage[];
  readonly batcher: ResolvedStage;
  readonly sink: ResolvedStage;
  /** Whether each row must arrive exactly once at each sink: then nothing runs without a checkpoint store. */
  readonly delivery?: 'exactly-once';
  readonly deadLetter?: { readonly path: string; readonly maxRows: number };
  /** Capacity of the batches between the stages, in rows. */
  readonly batchRows: number;
  /** Memory limit for the columns of all stages together, in megabytes. */
  readonly maxMemoryMb: number;
  /** What the job runs in. Missing: not said. */
  readonly isolation?: 'thread' | 'process';
  /** Memory limit for its process, in megabytes. */
  readonly maxProcessMb?: number;
  /** Seed for stages without their own seed. */
  readonly seed: number;
  /** The columns that sinks are given, by their ids, as far as they were known when the spec was checked. */
  readonly columns?: Readonly<Record<string, readonly Pick<Column, 'name' | 'type'>[]>>;
  /** What its job is submitted with, where nothing else is said. */
  readonly job?: JobTermsInput;
}
