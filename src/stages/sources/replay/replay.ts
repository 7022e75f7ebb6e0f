import type { Batch } from '../../../columns/batch.js';
import type { EventOrder } from '../../../columns/event-order.js';
import { eventTimeIndex, type Schema } from '../../../columns/schema.js';
import { sleepUntil } from '../../../core/clock.js';
import { PipelineError } from '../../../core/errors.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Nanos } from '../../../core/units.js';
import type { SourceFactory } from '../../../engine/factories.js';
import type { Source } from '../../../engine/source.js';
import type { SourceCapabilities } from '../../../engine/source-capabilities.js';
import type { StageContext } from '../../../engine/stage.js';
import { csvFormat } from '../../../formats/csv/csv-format.js';
import type { FileFormat } from '../../../formats/file-decoder.js';
import { Descriptors, type OpensFiles } from '../../../formats/lent-descriptors.js';
import { BlockPools } from './block-pools.js';
import { EventPace } from './event-pace.js';
import type { FileReading } from './file-cursor.js';
import { listFiles } from './file-list.js';
import { filesInTime, type TimedFile } from './files-in-time.js';
import { LatestTime } from './latest-time.js';
import { FileMerge } from './merge-files.js';
import type { ReplayOptions } from './options.js';
import { type ListedPosition, type ReplayPosition, readPosition, writePosition } from './replay-position.js';
import {
  checkOpenFiles,
  digestOf,
  type FilesBegun,
  resumeInTime,
  resumeListed,
  resumeOnlyFile,
} from './resume-files.js';

/** File formats by the name in the option `format`. */
const FORMATS: Readonly<Record<ReplayOptions['format'], FileFormat<ReplayOptions>>> = { csv: csvFormat };

/** Replays rows recorded in files, as fast as they can be read or at the pace at which they happened. */
export const replaySource = {
  plan(options: ReplayOptions, problems) {
    const schema = FORMATS[options.format].plan(options, problems);
    if (eventTimeIndex(schema) < 0) {
      const needs = 'needs a column "time" of type timestamp';
      if (options.speed !== 'max') problems.add(['speed'], `expected "max": a speed ${needs}`);
      if (options.order === 'time') problems.add(['order'], `expected "listed": an order of time ${needs}`);
    }
    return schema;
  },

  files({ path }: ReplayOptions) {
    if (typeof path === 'string') return { reads: [{ path, at: ['path'] }] };
    return { reads: path.map((one, i) => ({ path: one, at: ['path', i] })) };
  },

  /** @param fs - For tests. */
  create(options: ReplayOptions, context: StageContext, fs?: OpensFiles): Source {
    const schema = FORMATS[options.format].plan(options, { add() {} });
    return new ReplaySource(options, schema, context, new Descriptors(fs));
  },
} satisfies SourceFactory<ReplayOptions>;

/** How long the source stays silent before it reports how far time has advanced. */
const WAIT_NS_MAX = 100_000_000n;

class ReplaySource implements Source {
  readonly schema: Schema;
  readonly capabilities: SourceCapabilities = { delivery: 'replayable', bounded: true };
  readonly order: EventOrder;
  readonly #options: ReplayOptions;
  readonly #context: StageContext;
  readonly #reading: FileReading;
  readonly #isInTime: boolean;
  readonly #timeColumn: number;
  readonly #pace: EventPace | undefined;
  readonly #latest = new LatestTime();
  readonly #stop = new AbortController();
  #paths: readonly string[] = [];
  #resumeAt: ReplayPosition | undefined;
  /** In the order in which they are read. Set by the first read. */
  #files: readonly TimedFile[] = [];
  #merge: FileMerge | undefined;
  #hasToldEnd = false;
  /** The last watermark reported during a wait. */
  #toldNs = -(2n ** 63n);
  /** Digest of the files begun; renewed when there are more. */
  #digest = { begun: 0, text: digestOf([]) };

  constructor(options: ReplayOptions, schema: Schema, context: StageContext, descriptors: Descriptors) {
    const { order, maxDelay, speed, format } = options;
    this.#options = options;
    this.schema = schema;
    this.#context = context;
    this.#timeColumn = eventTimeIndex(schema);
    this.#isInTime = order === undefined ? this.#timeColumn >= 0 : order === 'time';
    this.order = { scope: this.#isInTime ? 'all' : 'symbol', maxDelayNs: maxDelay };
    if (speed !== 'max') this.#pace = new EventPace(context.clock, speed);
    this.#reading = {
      schema,
      context,
      descriptors,
      blocks: new BlockPools(schema, context.dictionaries),
      tally: { rowsRejected: 0, bytesIn: 0 },
      heldRows: { bytes: 0 },
      isStopped: () => this.#stop.signal.aborted,
      openDecoder: (path, quiet, direction, bytes) =>
        FORMATS[format].open(path, options, quiet, direction, bytes),
    };
  }

  async open(): Promise<void> {
    const { path } = this.#options;
    this.#paths = await listFiles(typeof path === 'string' ? [path] : path);
  }

  async read(): Promise<Batch | null> {
    this.#merge ??= await this.#begin();
    if (!this.#merge) return null;
    const batch = this.#pace ? await this.#readDue(this.#merge, this.#pace) : await this.#merge.read();
    if (!batch) return this.#endOfTime();
    if (this.#timeColumn >= 0 && batch.length > 0) {
      const times = batch.columns[this.#timeColumn] as Int32Array;
      // If rows are exactly in order, checking the last one is enough.
      const isLastLatest = this.#isInTime && this.#options.maxDelay === 0;
      this.#latest.note(times, isLastLatest ? batch.length - 1 : 0, batch.length);
      this.#pace?.passed(times, batch.length);
    }
    return batch;
  }

  stop(): void {
    this.#stop.abort();
  }

  get rowsRejected(): number {
    return this.#reading.tally.rowsRejected;
  }

  get bytesIn(): number {
    return this.#reading.tally.bytesIn;
  }

  statistics(): Record<string, number> {
    const filesTotal = this.#paths.length;
    const merge = this.#merge;
    if (!merge) return { filesDone: 0, filesTotal, filesOpen: 0 };
    const { begun, filesOpen } = merge;
    const filesWithoutRows = filesTotal - this.#files.length;
    return { filesDone: filesWithoutRows + begun - filesOpen, filesTotal, filesOpen };
  }

  position(): PlainData {
    const merge = this.#merge;
    if (!merge) return writePosition(this.#resumeAt ?? this.#front());
    const { begun } = merge;
    const open = merge.open();
    const latestNs = this.#latest.ns;
    if (this.#isInTime) {
      if (this.#digest.begun !== begun) {
        this.#digest = { begun, text: digestOf(this.#files.slice(0, begun)) };
      }
      const last = this.#files[begun - 1]?.path ?? '';
      return writePosition({ order: 'time', begun, digest: this.#digest.text, last, open, latestNs });
    }
    const [current] = open;
    const file = current?.file ?? begun;
    // Files as listed are read forward.
    const position = current && 'offset' in current.position ? current.position : undefined;
    return writePosition({ order: 'listed', file, path: this.#paths[file] ?? '', position, latestNs });
  }

  /** Expensive with many files. Without a pace, a read waits only for the disk. */
  positionForRead(): PlainData | undefined {
    return this.#pace ? this.position() : undefined;
  }

  resume(position: PlainData): void {
    const at = readPosition(position);
    if (at.order === 'listed') this.#resumeListed(at);
    else if (!this.#isInTime) {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        'expected a position among files as listed, found one among files in order of time: ' +
          'set "order: time" to continue from it, or start again',
      );
    }
    this.#resumeAt = at;
  }

  async close(): Promise<void> {
    await this.#merge?.close();
  }

  /**
   * Sorts the files and starts the merge.
   *
   * @returns `undefined` after a stop.
   */
  async #begin(): Promise<FileMerge | undefined> {
    const files = this.#isInTime ? await filesInTime(this.#paths, this.#reading) : asListed(this.#paths);
    if (!files) return undefined;
    const { begun, open } = this.#resumePoint(files);
    this.#files = files;
    this.#latest.ns = this.#resumeAt?.latestNs;
    const maxDelayNs = this.#isInTime ? BigInt(this.#options.maxDelay) : undefined;
    return new FileMerge({ files, paths: this.#paths, maxDelayNs, begun, open }, this.#reading);
  }

  #resumePoint(files: readonly TimedFile[]): FilesBegun {
    const at = this.#resumeAt;
    if (!at) return { begun: 0, open: [] };
    const point = at.order === 'time' ? resumeInTime(at, files) : this.#resumeListed(at);
    checkOpenFiles(point.open, files);
    return point;
  }

  #resumeListed(at: ListedPosition): FilesBegun {
    return this.#isInTime ? resumeOnlyFile(at, this.#paths) : resumeListed(at, this.#paths);
  }

  #front(): ReplayPosition {
    if (!this.#isInTime) {
      return {
        order: 'listed',
        file: 0,
        path: this.#paths[0] ?? '',
        position: undefined,
        latestNs: undefined,
      };
    }
    const { begun, text } = this.#digest;
    return { order: 'time', begun, digest: text, last: '', open: [], latestNs: undefined };
  }

  /** Returns the rows that are due, or waits for the first ones that become due. */
  async #readDue(merge: FileMerge, pace: EventPace): Promise<Batch | null> {
    while (await merge.ready()) {
      const { times, row } = merge.head();
      if (merge.takeBegun() && !this.#isInTime) pace.beginFile(times, row);
      const dueUntil = pace.dueUntil(times, row);
      if (dueUntil !== undefined) return merge.read(dueUntil);
      const { clock } = this.#context;
      const soon = (clock.now() + WAIT_NS_MAX) as Nanos;
      await sleepUntil(clock, pace.wakeAt < soon ? pace.wakeAt : soon, this.#stop.signal);
      const told = pace.wakeAt > clock.now() ? this.#tellTime(pace) : undefined;
      if (told) return told;
    }
    return null;
  }

  /** During a long wait, reports how far time has advanced, so that windows can close in the meantime. */
  #tellTime({ reachedNs }: EventPace): Batch | undefined {
    const at = reachedNs - BigInt(this.#options.maxDelay);
    if (!this.#isInTime || this.#stop.signal.aborted || at <= this.#toldNs) return undefined;
    this.#toldNs = at;
    return this.#watermark(at);
  }

  /** With files as listed, only their end tells how far time has advanced. */
  #endOfTime(): Batch | null {
    const { ns } = this.#latest;
    if (this.#isInTime || this.#hasToldEnd || ns === undefined || this.#stop.signal.aborted) return null;
    this.#hasToldEnd = true;
    return this.#watermark(ns + 1n);
  }

  #watermark(at: bigint): Batch {
    const batch = this.#reading.blocks.acquire(this.#context.batchRows);
    batch.controls.push({ row: 0, record: { type: 'watermark', at: at as Nanos } });
    return batch;
  }
}

/**
 * Files in the order listed: each is opened when the previous one has ended, and read forward whatever
 * its times are.
 */
const asListed = (paths: readonly string[]): TimedFile[] =>
  paths.map((path, rank) => ({
    path,
    rank,
    isPacked: false,
    direction: 'ascending',
    firstNs: undefined,
  }));
