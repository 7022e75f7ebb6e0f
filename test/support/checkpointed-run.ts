import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import type { StoreFileSystem } from '../../src/checkpoints/store-folder.js';
import type { PlainData } from '../../src/core/plain-data.js';
import { randomId } from '../../src/core/random-id.js';
import { ownerOfThread } from '../../src/wire/owner-of-thread.js';
import { checkpointOf } from '../checkpoints/checkpoint-of.js';
import { ticks } from '../stages/sinks/sink-rows.js';
import { isOneFile, makeRun, type RunOptions } from './file-runs.js';

/** Rows that a run writes in all. */
export const ROWS = 9;

/** What an owner of the store's key has. */
interface Owned<Saved> {
  readonly epoch: number;
  readonly keyId: string | undefined;
  save(position: PlainData, rows: number): Saved;
}

/** A checkpoint store with one key, as far as a run asks it. */
export interface RunStore {
  /** The checkpoint that the last claim found, or that was saved since. */
  readonly accepted: { readonly position: PlainData; readonly rows: number } | undefined;
  /** Whoever asks next is the owner. */
  claim(): Owned<void> | Promise<Owned<Promise<void>>>;
}

/** A checkpoint store, which survives everything and refuses those who were followed. */
export class TestStore implements RunStore {
  accepted: RunStore['accepted'];
  #epoch = 0;
  readonly #keyId = randomId();

  claim(): Owned<void> {
    const epoch = ++this.#epoch;
    const save = (position: PlainData, rows: number) => {
      if (epoch !== this.#epoch) throw Object.assign(new Error('the store refuses'), { code: 'FENCED' });
      this.accepted = { position, rows };
    };
    return { epoch, keyId: this.#keyId, save };
  }
}

/** The store of plain files, as one process has it. */
export class FileRunStore implements RunStore {
  accepted: RunStore['accepted'];
  readonly #store: FileCheckpointStore;

  /** @param folder - That all processes share. */
  constructor(folder: string, fs: StoreFileSystem) {
    // A handful of strings is too much for a checkpoint itself, so there is a log of strings, too.
    this.#store = new FileCheckpointStore(folder, {
      fs,
      stringsLimits: { inlineMax: 20, inlinePerByte: 0 },
    });
  }

  async claim(): Promise<Owned<Promise<void>>> {
    const fence = await this.#store.claim('job', ownerOfThread());
    const { sink, source } = (await this.#store.load('job'))?.states ?? {};
    this.accepted = sink === undefined ? undefined : { position: sink, rows: source as number };
    const save = async (position: PlainData, rows: number) => {
      const dictionaries = { symbol: Array.from({ length: rows * 9 }, (_, i) => `S${i}`) };
      await this.#store.save(
        'job',
        fence,
        checkpointOf(rows, { states: { source: rows, sink: position }, dictionaries }),
      );
      this.accepted = { position, rows };
    };
    return { epoch: fence.epoch, keyId: fence.keyId, save };
  }
}

/** From the accepted checkpoint to the end, with more checkpoints on the way. */
export async function runToEnd(path: string, store: RunStore, options: RunOptions = {}): Promise<void> {
  const { epoch, keyId, save } = await store.claim();
  const from = store.accepted;
  const rotate = isOneFile(path) ? undefined : { rows: 2 };
  const run = makeRun(path, {
    rotate,
    ...options,
    epoch,
    keyId,
    checkpointed: true,
    resuming: from !== undefined,
  });
  const { sink, write } = run;
  await sink.open();
  try {
    let rows = from?.rows ?? 0;
    if (from) await sink.resume(from.position);
    for (const until of [3, 4, 7]) {
      if (rows >= until) continue;
      await write(ticks(until - rows, rows));
      const { position } = await sink.prepare(false);
      rows = until;
      await save(position, rows);
      await sink.commit(position);
    }
    await write(ticks(ROWS - rows, rows));
    const { position } = await sink.prepare(true);
    await save(position, ROWS);
    await sink.commit(position);
    await sink.flush();
  } finally {
    await sink.close();
  }
}
