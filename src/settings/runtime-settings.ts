import { z } from 'zod';
import { durationNs } from './duration.js';
import { GroupsSettings } from './group-settings.js';
import { IsolationOptions } from './isolation-options.js';
import { JobLimits } from './job-limits.js';
import { RestartSettings } from './restart-settings.js';
import { WatchdogSettings } from './watchdog-settings.js';

const threads = 'expected 1 to 4096 threads';
const warm = 'expected 0 to 4096 threads';
const heap = 'expected 16 to 65536 MB';
const folder = 'expected the path of a folder';
const module = 'expected the path of a JavaScript module, or the name of a package';
const packages = 'expected true, false or a list of at most 1000 packages';
const delay = 'expected 0 to 86400000 milliseconds';
const deadline = 'expected 1 to 86400000 milliseconds';

/** Settings for which installed packages may be used without being named. */
export const DiscoverySettings = z.strictObject({
  discover: z
    .union(
      [z.boolean(packages), z.array(z.string(packages).min(1, packages), packages).max(1_000, packages)],
      packages,
    )
    .default(true)
    .describe(
      'Whether specs can use components of installed packages that `components` does not name: `true`, ' +
        '`false`, or a list of packages. Only what a project depends on directly is looked at, and code is ' +
        'loaded once a spec uses it',
    ),
  discoverIn: z
    .array(z.string(folder).min(1, folder), 'expected a list of folders')
    .max(100, 'expected at most 100 folders')
    .optional()
    .describe(
      'Folders of the projects whose packages are looked at, relative to the working directory. Default: the ' +
        'folder of the spec, and that of the main module',
    ),
});
export type DiscoverySettings = z.output<typeof DiscoverySettings>;

/** Settings for where user code comes from and how it is loaded. */
export const ModuleSettings = z.strictObject({
  components: z
    .array(z.string(module).min(1, module), 'expected a list of modules')
    .max(100, 'expected at most 100 modules')
    .default(() => [])
    .describe('Modules with components that specs can use: paths from the working directory, or packages'),
  ...DiscoverySettings.shape,
  moduleFolders: z
    .array(z.string(folder).min(1, folder), 'expected a list of folders')
    .max(100, 'expected at most 100 folders')
    .default(() => ['.'])
    .describe(
      'Folders that modules may come from, relative to the working directory, links followed. An ' +
        'empty list refuses all modules',
    ),
  moduleDeadlineMs: z
    .int(deadline)
    .min(1, deadline)
    .max(86_400_000, deadline)
    .default(10_000)
    .describe(
      'Milliseconds that a module may take to load and to say which columns come out, when a spec ' +
        'is checked',
    ),
  maxHeapMb: z
    .int(heap)
    .min(16, heap)
    .max(65_536, heap)
    .default(1_024)
    .describe(
      'Megabytes of heap that a pipeline, or a module as it is checked, may need; above it, its ' +
        'job fails. Columns are not on the heap: `maxMemoryMb` of the spec limits those. Nor are the ' +
        'buffers of modules: nothing limits them',
    ),
});
export type ModuleSettings = z.output<typeof ModuleSettings>;

/** Where the checkpoints of jobs are kept. */
export const CheckpointSettings = z.strictObject({
  path: z
    .string(folder)
    .min(1, folder)
    .describe('Folder of the checkpoints, on a local file system. It is created if it does not exist'),
  every: durationNs({ min: '10ms', max: '1d' })
    .prefault('10s')
    .describe('Time between two checkpoints of a job'),
});

/** Where jobs and schedules are kept beyond the process. */
export const StoreSettings = z.strictObject({
  path: z
    .string(folder)
    .min(1, folder)
    .describe('Folder of the store, on a local file system. It is created if it does not exist'),
});
export type StoreSettings = z.output<typeof StoreSettings>;

export const RuntimeSettings = z
  .strictObject({
    maxThreads: z
      .int(threads)
      .min(1, threads)
      .max(4096, threads)
      .default(256)
      .describe(
        'Pipelines that run at one time, each in a thread or process of its own; further jobs wait in the queue',
      ),
    limits: JobLimits.default(() => JobLimits.parse({})).describe(
      'How many jobs may be under way and how many may wait, and how those are put in order',
    ),
    idleThreadMs: z
      .int(delay)
      .min(0, delay)
      .max(86_400_000, delay)
      .default(30_000)
      .describe(
        'Milliseconds that a thread whose job has ended is kept for the next one, beside the `warmThreads`',
      ),
    warmThreads: z
      .int(warm)
      .min(0, warm)
      .max(4096, warm)
      .default(0)
      .describe(
        'Idle threads that are kept ready at all times, beside those at work and up to `maxThreads` in all: ' +
          'a job on one of them starts in a few milliseconds',
      ),
    ...IsolationOptions.shape,
    ...ModuleSettings.shape,
    startDeadlineMs: z
      .int(deadline)
      .min(1, deadline)
      .max(86_400_000, deadline)
      .default(30_000)
      .describe(
        'Milliseconds that a job may take from getting its thread until all stages are open; above ' +
          'it, it fails',
      ),
    drainDeadlineMs: z
      .int(delay)
      .min(0, delay)
      .max(86_400_000, delay)
      .default(30_000)
      .describe(
        'Milliseconds that a drain may take if it names no deadline; above it, the thread is ended ' +
          'and its job is `stopped`',
      ),
    stopGraceMs: z
      .int(delay)
      .min(0, delay)
      .max(86_400_000, delay)
      .default(5_000)
      .describe(
        'Milliseconds that a pipeline with native code in a thread may take to stop. It is never ended by ' +
          'force: above it, its job is `stopped` and its thread left running. In a process, where it is by default, ' +
          'it is ended as any other',
      ),
    checkpoints: CheckpointSettings.optional().describe(
      'Keeps checkpoints of all jobs in a folder, each under its name: a job goes on from its last one, after a ' +
        'restart and at the next start of the process. Without it, each run begins anew',
    ),
    store: StoreSettings.optional().describe(
      'Keeps jobs and schedules in a folder, of which one process at a time is the owner: what should run goes on by ' +
        'itself when the process has ended and a runtime with this store starts. Checkpoints are in it, too, unless ' +
        '`checkpoints` says otherwise',
    ),
    watchdog: WatchdogSettings.prefault({}).describe(
      'When it is found that the thread of a job is stuck, or that its rows do not move, and what follows',
    ),
    restart: RestartSettings.prefault({}).describe(
      'How jobs are started again that were submitted without a policy of their own',
    ),
    groups: GroupsSettings.default(() => ({})).describe(
      'Groups of jobs that are started again together, by name: see [docs/restarts.md](restarts.md#groups)',
    ),
  })
  .refine(({ warmThreads, maxThreads }) => warmThreads <= maxThreads, {
    path: ['warmThreads'],
    message: 'expected no more than "maxThreads"',
  });
export type RuntimeSettings = z.output<typeof RuntimeSettings>;
