import { crc32 } from 'node:zlib';
import { PipelineError } from '../../src/core/errors.js';
import { invariant } from '../../src/core/invariant.js';
import { isCount, type PlainData } from '../../src/core/plain-data.js';
import { RANDOM_NAME, randomName } from '../../src/outputs/disk/random-name.js';
import { type IfExists, type Output, orClose, type Prepared } from '../../src/outputs/output.js';
import type { FileCut, FileMark, OutputFile, ResumedFile } from '../../src/outputs/output-file.js';
import { isAfter, parsePartName, partName } from '../../src/outputs/parts/part-name.js';
import { type LogEntry, ObjectLog, type ObjectPart, ownersIn } from './object-log.js';
import type { ObjectClient } from './object-store.js';

export interface ObjectOutputOptions {
  readonly client: ObjectClient;
  readonly job: string;
  readonly extension: string;
  readonly ifExists: IfExists;
  readonly resuming: boolean;
  readonly epoch: number | undefined;
  readonly checkpointed: boolean;
}

/** What readers list. */
export const VISIBLE = 'out/';
export const STAGED = 'state/staged/';
export const LOG = 'state/log/';
const DONE = 'state/done/';

interface OpenPosition extends ObjectPart {
  readonly checksum: number;
  readonly state: PlainData;
  readonly log: readonly string[];
  readonly tail: readonly string[];
}

interface Position {
  readonly run: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly staged: readonly ObjectPart[];
  readonly open: readonly OpenPosition[];
  readonly replaces: boolean;
}

/** Bytes that wait go into one object when a checkpoint or the end of the file needs them there. */
class ObjectFile implements OutputFile {
  readonly name: string;
  mark: FileMark = { bytes: 0, checksum: 0 };
  readonly chunks: string[] = [];
  log: string[] = [];
  tail: string[] = [];
  pending: Uint8Array[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get bytes(): number {
    return this.mark.bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.pending.push(Buffer.from(bytes));
    const { bytes: before, checksum } = this.mark;
    this.mark = { bytes: before + bytes.length, checksum: crc32(bytes, checksum) };
  }
}

/**
 * A directory of parts in an object store: a second implementation of the port, which shows that the port
 * asks for no file system.
 *
 * - *Claim and fence*: an entry in the log of the output. An owner that finds a later one of its run there
 *   cannot add entries any more.
 * - *Stage*: objects that readers do not list. *Prepare* lists their keys.
 * - *Publish*: an entry in the log says what is to be seen from now on; then the store composes each part
 *   under its visible name, and the objects that it was made of are removed. Whoever opens the output next
 *   finishes what a dead owner has not. An owner that comes too late finds nothing to compose.
 * - *Recover*: finish the publications, publish what the position lists, and remove what is beyond it.
 */
export class ObjectOutput implements Output {
  readonly isOneFile = false;
  readonly wantsWhole = true;
  readonly #options: ObjectOutputOptions;
  readonly #client: ObjectClient;
  readonly #log: ObjectLog;
  #run: { readonly id: string; readonly epoch: number } | undefined;
  #sequence = 0;
  #objects = 0;
  readonly #open = new Set<ObjectFile>();
  #ended: ObjectPart[] = [];
  #replaces = false;
  #hasParts = false;
  #waits: boolean;
  #isHandedOut = false;
  #isFlushed = false;
  readonly #paths: string[] = [];

  constructor(options: ObjectOutputOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#log = new ObjectLog(options.client, LOG);
    this.#waits = options.checkpointed;
  }

  async open(): Promise<void> {
    if (!this.#options.resuming) await orClose(this, () => this.#start());
  }

  resume(position: PlainData): Promise<readonly ResumedFile<ObjectFile>[]> {
    return orClose(this, () => this.#takeOver(asPosition(position)));
  }

  async begin(partition: string): Promise<ObjectFile> {
    this.#isFlushed = false;
    const file = new ObjectFile(this.#nextName(partition));
    this.#open.add(file);
    return file;
  }

  async end(file: ObjectFile): Promise<void> {
    await this.#stage(file);
    this.#open.delete(file);
    this.#ended.push({ name: file.name, bytes: file.bytes, chunks: [...file.chunks] });
    if (this.publishesAtEnd) await this.#publish(this.#ended);
  }

  get publishesAtEnd(): boolean {
    return !this.#waits && !this.#replaces;
  }

  /** What is written waits in memory for the next checkpoint: nothing grows behind the flow. */
  async keepUp(): Promise<void> {}

  async prepare(cuts: readonly FileCut<ObjectFile>[]): Promise<Prepared> {
    this.#waits = true;
    const open: OpenPosition[] = [];
    for (const { file, mark, state, log, tail } of cuts) {
      await this.#stage(file);
      file.log = await this.#putAll(log);
      file.tail = await this.#putAll(tail);
      open.push({
        name: file.name,
        ...mark,
        state,
        chunks: [...file.chunks],
        log: file.log,
        tail: file.tail,
      });
    }
    const position = this.#position(open);
    const sync = async () => {
      await this.#client.put(`${this.#own}kept`, Buffer.alloc(0));
      this.#isHandedOut = true;
    };
    return { position, sync };
  }

  async commit(position: PlainData): Promise<void> {
    const { staged, open } = asPosition(position);
    const listed = new Set(staged.map(({ name }) => name));
    await this.#publish(this.#ended.filter(({ name }) => listed.has(name)));
    await this.#removeUnlisted(open);
  }

  async flush(): Promise<PlainData> {
    if (this.#ended.length > 0 || this.#replaces) await this.#publish(this.#ended);
    this.#isFlushed = true;
    return this.#position([]);
  }

  paths(): readonly string[] {
    return this.#paths;
  }

  lacksSchema(): boolean {
    return this.#ended.length === 0 && (this.#replaces || !this.#hasParts);
  }

  async close(): Promise<void> {
    const run = this.#run;
    if (!run) return;
    this.#run = undefined;
    try {
      const isOver = this.#isFlushed || !this.#waits;
      if (isOver) await this.#removeStaged(run.id, run.epoch);
      else if (!this.#isHandedOut) await this.#removeStaged(run.id, run.epoch, run.epoch);
      await this.#log.append({ kind: 'ended', run: run.id, epoch: run.epoch, isOver }, () => {});
    } catch {
      // The next one to open the output sees that the run has not ended.
    }
  }

  async #start(): Promise<void> {
    const { ifExists: mode, epoch = 1 } = this.#options;
    const run = randomName();
    await this.#log.append({ kind: 'owned', run, epoch, mode }, refuseOthers(run, mode));
    this.#run = { id: run, epoch };
    await this.#finishPublications();
    await this.#removeRemains();
    this.#hasParts = (await this.#visible()).length > 0;
    if (mode === 'error' && this.#hasParts) {
      throw new PipelineError('OUTPUT_EXISTS', 'There are parts already');
    }
    this.#replaces = mode === 'replace' && this.#hasParts;
  }

  async #takeOver(position: Position): Promise<readonly ResumedFile<ObjectFile>[]> {
    const { run, staged, open, replaces } = position;
    const mode = replaces ? 'replace' : this.#options.ifExists;
    await this.#log.catchUp();
    const highest = Math.max(position.epoch, ...epochsOf(this.#log.entries, run));
    const epoch = this.#options.epoch ?? highest + 1;
    await this.#log.append({ kind: 'owned', run, epoch, mode }, (entries) => {
      if (Math.max(position.epoch, ...epochsOf(entries, run)) >= epoch) throw fenced(run);
      refuseOthers(run, mode)(entries);
    });
    this.#run = { id: run, epoch };
    await this.#finishPublications();
    await this.#publishListed(staged, replaces);
    const resumed: ResumedFile<ObjectFile>[] = [];
    for (const listed of open) resumed.push(await this.#goOn(listed));
    await this.#discardBeyond(position);
    await this.#removeRemains();
    this.#waits ||= open.length > 0;
    const visible = await this.#visible();
    const own = visible.filter((name) => parsePartName(name)?.run === run);
    this.#hasParts = visible.length > 0;
    this.#replaces = replaces && own.length === 0 && this.#hasParts;
    this.#paths.push(...own);
    return resumed;
  }

  async #publishListed(staged: readonly ObjectPart[], replaces: boolean): Promise<void> {
    const visible = new Set(await this.#visible());
    const missing = staged.filter(({ name }) => !visible.has(name));
    if (missing.length === 0) return;
    const there = new Set(await this.#client.list(STAGED));
    for (const { name, chunks } of missing) if (!chunks.every((key) => there.has(key))) throw lost(name);
    const run = this.#running.id;
    const isFirst = replaces && missing.length === staged.length;
    const old = isFirst ? [...visible].filter((name) => parsePartName(name)?.run !== run) : [];
    await this.#decide(missing, old);
  }

  async #goOn(listed: OpenPosition): Promise<ResumedFile<ObjectFile>> {
    const all = Buffer.concat(await this.#getAll(listed.chunks, listed.name));
    const bytes = all.subarray(0, listed.bytes);
    if (bytes.length < listed.bytes || crc32(bytes) !== listed.checksum) throw lost(listed.name);
    const file = new ObjectFile(
      this.#nextName(listed.name.slice(0, Math.max(0, listed.name.lastIndexOf('/')))),
    );
    await file.write(bytes);
    this.#open.add(file);
    const log = await this.#getAll(listed.log, listed.name);
    return { file, state: listed.state, log, tail: await this.#getAll(listed.tail, listed.name) };
  }

  async #discardBeyond(position: Position): Promise<void> {
    const open = new Set(position.open.map(({ name }) => name));
    for (const name of await this.#visible()) {
      const part = parsePartName(name);
      if (part?.run !== position.run || (!isAfter(part, position) && !open.has(name))) continue;
      await this.#client.delete(VISIBLE + name);
    }
  }

  async #publish(parts: readonly ObjectPart[]): Promise<void> {
    if (parts.length === 0 && !this.#replaces) return;
    const { id } = this.#running;
    const old = this.#replaces
      ? (await this.#visible()).filter((name) => parsePartName(name)?.run !== id)
      : [];
    await this.#decide(parts, old);
    const published = new Set(parts);
    this.#ended = this.#ended.filter((part) => !published.has(part));
    this.#hasParts = parts.length > 0 || (this.#hasParts && !this.#replaces);
    this.#replaces = false;
    this.#paths.push(...parts.map(({ name }) => name));
  }

  /** From the entry on, these parts count. */
  async #decide(parts: readonly ObjectPart[], old: readonly string[]): Promise<void> {
    const { id: run, epoch } = this.#running;
    const entry = { kind: 'publish', run, epoch, parts, old } as const;
    const number = await this.#log.append(entry, (entries) => {
      if (ownersIn(entries).get(run)?.epoch !== epoch) throw fenced(run);
    });
    await this.#finish(number, entry);
  }

  async #finishPublications(): Promise<void> {
    await this.#log.catchUp();
    const done = new Set(await this.#client.list(DONE));
    for (const [number, entry] of this.#log.entries.entries()) {
      if (entry.kind === 'publish' && !done.has(`${DONE}${number}`)) await this.#finish(number, entry);
    }
  }

  /** Each step may have been taken before, by any owner. */
  async #finish(number: number, { parts, old }: Pick<Publication, 'parts' | 'old'>): Promise<void> {
    for (const name of old) await this.#client.delete(VISIBLE + name);
    for (const { name, chunks } of parts) await this.#client.compose(chunks, VISIBLE + name);
    // Before it is said to be done: from then on nobody can make these parts again.
    for (const { chunks } of parts) for (const key of chunks) await this.#client.delete(key);
    await this.#client.put(`${DONE}${number}`, Buffer.alloc(0));
  }

  /** Removes what no accepted position lists any more, and no later one of this owner will. */
  async #removeUnlisted(open: readonly OpenPosition[]): Promise<void> {
    const needed = new Set(
      [...open, ...this.#open].flatMap(({ chunks, log, tail }) => [...chunks, ...log, ...tail]),
    );
    for (const { chunks } of this.#ended) for (const key of chunks) needed.add(key);
    needed.add(`${this.#own}kept`);
    const { id, epoch } = this.#running;
    await this.#removeStaged(id, epoch, 0, needed);
  }

  /** Removes what owners of a run up to an epoch have staged: never what a later one needs. */
  async #removeStaged(run: string, epoch: number, from = 0, except = new Set<string>()): Promise<void> {
    const prefix = `${STAGED}${run}/`;
    for (const key of await this.#client.list(prefix)) {
      const of = Number.parseInt(key.slice(prefix.length), 10);
      if (of >= from && of <= epoch && !except.has(key)) await this.#client.delete(key);
    }
  }

  /** Removes what dead runs have staged, unless a store may go on with them. */
  async #removeRemains(): Promise<void> {
    const owners = ownersIn(this.#log.entries);
    const keys = await this.#client.list(STAGED);
    const runOf = (key: string) => key.slice(STAGED.length).split('/')[0]!;
    const kept = new Set(keys.filter((key) => key.endsWith('/kept')).map(runOf));
    for (const entry of this.#log.entries) if (entry.kind === 'ended' && entry.isOver) kept.delete(entry.run);
    for (const key of keys) {
      if (!owners.has(runOf(key)) && !kept.has(runOf(key))) await this.#client.delete(key);
    }
  }

  async #stage(file: ObjectFile): Promise<void> {
    const bytes = Buffer.concat(file.pending);
    file.pending = [];
    if (bytes.length > 0 || file.chunks.length === 0) file.chunks.push(await this.#put(bytes));
  }

  async #putAll(all: readonly Uint8Array[]): Promise<string[]> {
    const keys: string[] = [];
    for (const bytes of all) keys.push(await this.#put(bytes));
    return keys;
  }

  async #put(bytes: Uint8Array): Promise<string> {
    const key = `${this.#own}${this.#objects++}`;
    await this.#client.put(key, bytes);
    return key;
  }

  async #getAll(keys: readonly string[], name: string): Promise<Buffer[]> {
    const all: Buffer[] = [];
    for (const key of keys) {
      const bytes = await this.#client.get(key);
      if (!bytes) throw lost(name);
      all.push(bytes);
    }
    return all;
  }

  async #visible(): Promise<string[]> {
    return (await this.#client.list(VISIBLE)).map((key) => key.slice(VISIBLE.length));
  }

  #nextName(partition: string): string {
    const { id: run, epoch } = this.#running;
    const name = partName(
      this.#options.job,
      { run, epoch, sequence: ++this.#sequence },
      this.#options.extension,
    );
    return partition === '' ? name : `${partition}/${name}`;
  }

  #position(open: readonly OpenPosition[]): PlainData {
    const { id: run, epoch } = this.#running;
    const position = { run, epoch, sequence: this.#sequence, staged: this.#ended, replaces: this.#replaces };
    return JSON.parse(JSON.stringify({ ...position, open })) as PlainData;
  }

  get #own(): string {
    const { id, epoch } = this.#running;
    return `${STAGED}${id}/${epoch}/`;
  }

  get #running() {
    invariant(this.#run !== undefined, 'the output is written to between its open and its close');
    return this.#run;
  }
}

type Publication = Extract<LogEntry, { kind: 'publish' }>;

const epochsOf = (entries: readonly LogEntry[], run: string): number[] =>
  entries.filter((entry) => entry.run === run).map(({ epoch }) => epoch);

/** Runs that append can work side by side, all others not. */
const refuseOthers = (run: string, mode: IfExists) => (entries: readonly LogEntry[]) => {
  for (const owner of ownersIn(entries).values()) {
    if (owner.run === run || (mode === 'append' && owner.mode === 'append')) continue;
    throw new PipelineError('OUTPUT_IN_USE', `Run "${owner.run}" is at work`);
  }
};

function asPosition(data: PlainData): Position {
  const { run, epoch, sequence, staged, open, replaces } = (data ?? {}) as Partial<Position>;
  const isPosition =
    new RegExp(`^${RANDOM_NAME}$`).test(String(run)) &&
    [epoch, sequence].every(isCount) &&
    [staged, open].every(Array.isArray) &&
    typeof replaces === 'boolean';
  if (isPosition) return data as unknown as Position;
  throw new PipelineError('CHECKPOINT_INVALID', 'Expected a position in an object store');
}

const fenced = (run: string): PipelineError => new PipelineError('FENCED', `Run "${run}" was taken over`);

const lost = (name: string): PipelineError =>
  new PipelineError('CHECKPOINT_INVALID', `The checkpoint lists "${name}", whose bytes are not there`);
