import type { SubmitOptions } from '../service/submit-options.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import type { LoadedSettings } from './load-settings.js';

/** What `run` is given. */
export interface RunOptions {
  readonly set: readonly string[];
  /** Each job is drained after this time: a text such as `10s`. */
  readonly duration?: string;
  /** Each job is drained after so many rows of its source. */
  readonly maxRows?: number;
  /** An instant at which all jobs are drained. */
  readonly until?: string;
  /** Each job ends with a checkpoint after so many rows, or so much time; the next run of the command goes on. */
  readonly sliceRows?: number;
  readonly sliceDuration?: string;
  /** What each job runs in; goes before its spec. */
  readonly isolation?: 'thread' | 'process';
  /** What each job is submitted with, before what its spec says. */
  readonly priority?: number;
  readonly tenant?: string;
  readonly group?: string;
  /** Texts `name=text`. */
  readonly label?: readonly string[];
  readonly json?: boolean;
  /** How many pipelines run at the same time. */
  readonly threads?: number;
  readonly logLevel: string;
  /** Path of a file with the settings of the runtime. */
  readonly settings?: string;
  /** When jobs are started again; goes before the file. */
  readonly restart?: 'never' | 'on-failure' | 'always';
  /** Folder of the checkpoints; goes before the file. */
  readonly checkpoints?: string;
  /** Folder of the store of jobs; goes before the file. */
  readonly store?: string;
  /** Modules whose components specs can use, beside those of the file. */
  readonly components?: readonly string[];
}

/** What is wrong with the bounds, if anything is. */
export function wrongBounds({
  duration,
  maxRows,
  until,
  sliceRows,
  sliceDuration,
}: RunOptions): string | undefined {
  if (until !== undefined && Date.parse(until) <= Date.now()) {
    return `error: --until: expected an instant to come, found ${until}`;
  }
  if (sliceRows === undefined && sliceDuration === undefined) return undefined;
  if (sliceRows !== undefined && sliceDuration !== undefined) {
    return 'error: expected one of --slice-rows and --slice-duration, found both';
  }
  const isBounded = duration !== undefined || maxRows !== undefined || until !== undefined;
  return isBounded ? 'error: expected no --duration, --max-rows or --until beside a slice' : undefined;
}

/** @param isConsumer - Of a topic of another spec: it ends after that one. */
export function submitOptionsOf(
  { duration, maxRows, until, sliceRows, sliceDuration, isolation }: RunOptions,
  isConsumer: boolean,
): SubmitOptions {
  const isSlice = sliceRows !== undefined || sliceDuration !== undefined;
  return {
    ...(duration !== undefined && !isConsumer && { maxDuration: duration }),
    ...(maxRows !== undefined && { maxRows }),
    ...(until !== undefined && !isConsumer && { until }),
    ...(isSlice && { slice: { rows: sliceRows, duration: sliceDuration } }),
    ...(isolation && { isolation }),
  };
}

/** What of a submit is the same for all jobs, but for their labels. */
export const termsOf = ({ priority, tenant, group }: RunOptions): SubmitOptions => ({
  ...(priority !== undefined && { priority }),
  ...(tenant !== undefined && { tenant }),
  ...(group !== undefined && { group }),
});

/** Labels of the command go before those of the spec, name by name. */
export function labelsOf(
  { label }: RunOptions,
  { resolved }: { readonly resolved: ResolvedSpec },
): Pick<SubmitOptions, 'labels'> {
  if (!label) return {};
  const own = label.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]);
  return { labels: { ...resolved.job?.labels, ...Object.fromEntries(own) } };
}

/** A store has the checkpoints of its jobs in it. */
export const keepsCheckpoints = ({ store, checkpoints }: RunOptions, { runtime }: LoadedSettings): boolean =>
  (store ?? runtime.store ?? checkpoints ?? runtime.checkpoints) !== undefined;
