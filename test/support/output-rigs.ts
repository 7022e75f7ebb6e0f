/** Outputs of each kind, for tests of what the port promises whatever is behind it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Disk } from '../../src/outputs/disk/disk.js';
import type { IfExists, Output } from '../../src/outputs/output.js';
import { PartDirectory } from '../../src/outputs/parts/part-directory.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { TICKS, temporaryDirectory } from '../stages/sinks/sink-rows.js';
import { CrashingFileSystem } from './crashing-file-system.js';
import { buryRuns, remainsOf } from './file-runs.js';
import { ObjectLog, ownersIn } from './object-log.js';
import { LOG, ObjectOutput, STAGED, VISIBLE } from './object-output.js';
import { ObjectClient, type Objects } from './object-store.js';

/** What all outputs of a process pass through. It can die before any operation. */
export interface OutputProcess {
  readonly log: readonly string[];
  stopAt: number;
  between: ((operation: string) => Promise<void>) | undefined;
  readonly isStopped: boolean;
  kill(): Promise<void>;
}

export interface OutputSettings {
  readonly job?: string;
  readonly ifExists?: IfExists;
  readonly resuming?: boolean;
  readonly epoch?: number | undefined;
  readonly checkpointed?: boolean;
}

/** A place for an output, which outlives the processes that write to it. */
export interface OutputRig {
  process(): OutputProcess;
  /** An output that is not opened yet. @param process - One of this place. */
  output(settings: OutputSettings, process?: OutputProcess): Output;
  /** What readers see: the bytes of each file, by name. */
  files(): ReadonlyMap<string, Buffer>;
  /** What is left behind of files that are not visible. */
  remains(): readonly string[];
  /** All that are at work have died, and others know it. */
  bury(): Promise<void>;
}

const settled = ({
  job = 'job',
  ifExists = 'append',
  resuming = false,
  epoch,
  checkpointed = true,
}: OutputSettings) => ({ job, ifExists, resuming, epoch, checkpointed });

function directoryRig(): OutputRig {
  const directory = join(temporaryDirectory(), 'out');
  return {
    process: () => new CrashingFileSystem(),
    output: (settings, process = new CrashingFileSystem()) =>
      new PartDirectory({
        ...settled(settings),
        disk: new Disk((process as CrashingFileSystem).fs, silentLogger), // made above
        directory,
        extension: 'txt',
        schema: TICKS,
        partitionBy: [],
      }),
    files: () => {
      const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
      const paths = entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      return new Map(paths.sort().map((path) => [path.slice(directory.length + 1), readFileSync(path)]));
    },
    remains: () => remainsOf(directory),
    bury: async () => buryRuns(directory),
  };
}

function objectRig(): OutputRig {
  const objects: Objects = new Map();
  const keysOf = (prefix: string) => [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  return {
    process: () => new ObjectClient(objects),
    output: (settings, process = new ObjectClient(objects)) =>
      new ObjectOutput({
        ...settled(settings),
        client: process as ObjectClient, // made above
        extension: 'txt',
      }),
    files: () => new Map(keysOf(VISIBLE).map((key) => [key.slice(VISIBLE.length), objects.get(key)!])),
    remains: () => keysOf(STAGED),
    bury: async () => {
      const log = new ObjectLog(new ObjectClient(objects), LOG);
      await log.catchUp();
      for (const { run, epoch } of ownersIn(log.entries).values()) {
        await log.append({ kind: 'ended', run, epoch, isOver: false }, () => {});
      }
    },
  };
}

export const OUTPUT_RIGS: readonly (readonly [string, () => OutputRig])[] = [
  ['a directory of a file system', directoryRig],
  ['an object store with conditional puts', objectRig],
];

/** The lines of all visible files, of gzip or not, sorted. */
export const linesIn = (rig: OutputRig): string[] =>
  [...rig.files().values()]
    .flatMap((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString().split('\n'))
    .filter((line) => line !== '')
    .sort();
