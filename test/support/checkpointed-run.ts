import type { PlainData } from '../../src/core/plain-data.js';
import { ticks } from '../stages/sinks/sink-rows.js';
import { isOneFile, makeRun, type RunOptions } from './file-runs.js';

/** Rows that a run writes in all. */
export const ROWS = 9;

/** A store of checkpoints, which survives everything and refuses those who were followed. */
export class TestStore {
  accepted: { readonly position: PlainData; readonly rows: number } | undefined;
  #epoch = 0;

  /** Whoever asks next is the owner. */
  claim(): { readonly epoch: number; save(position: PlainData, rows: number): void } {
    const epoch = ++this.#epoch;
    const save = (position: PlainData, rows: number) => {
      if (epoch !== this.#epoch) throw Object.assign(new Error('the store refuses'), { code: 'FENCED' });
      this.accepted = { position, rows };
    };
    return { epoch, save };
  }
}

/** From the accepted checkpoint to the end, with more checkpoints on the way. */
export async function runToEnd(path: string, store: TestStore, options: RunOptions = {}): Promise<void> {
  const { epoch, save } = store.claim();
  const from = store.accepted;
  const rotate = isOneFile(path) ? undefined : { rows: 2 };
  const run = makeRun(path, { rotate, ...options, epoch, checkpointed: true, resuming: from !== undefined });
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
      save(position, rows);
      await sink.commit(position);
    }
    await write(ticks(ROWS - rows, rows));
    const { position } = await sink.prepare(true);
    save(position, ROWS);
    await sink.commit(position);
    await sink.flush();
  } finally {
    await sink.close();
  }
}
