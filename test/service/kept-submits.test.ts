import { describe, expect, it } from 'vitest';
import { MemoryJobStore } from '../../src/store/memory-job-store.js';
import { reportOf } from '../supervision/job-fixtures.js';
import { startProcess } from './kept-jobs-rig.js';

/** Takes no change after its close, as a file does. */
class ClosingStore extends MemoryJobStore {
  #isClosed = false;

  override async putJob(record: Parameters<MemoryJobStore['putJob']>[0]): Promise<void> {
    this.#assertOpen();
    await super.putJob(record);
  }

  override async deleteJob(id: string): Promise<void> {
    this.#assertOpen();
    await super.deleteJob(id);
  }

  override async close(): Promise<void> {
    this.#isClosed = true;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new Error('the store was closed');
  }
}

describe('a submit beside a close', () => {
  it('is refused with nothing kept, or its job goes on in the next process', async () => {
    const seen = new Set<string>();
    for (let turns = 0; turns < 20; turns++) {
      const store = new ClosingStore();
      const process = await startProcess({ store });
      const submitted = process.submit('feed').then(
        () => 'kept',
        ({ code }) => code as string,
      );
      for (let i = 0; i < turns; i++) await undefined;
      const running = process.threads.runs.length > 0;
      if (running) break; // it has begun: nothing new comes of more turns
      await process.service.close();
      const end = await submitted;
      seen.add(end);
      const states = (await store.load()).jobs.map(({ state, wish }) => [state, wish]);
      expect(states).toEqual(end === 'kept' ? [['queued', 'run']] : []);
      expect(process.events.filter(({ type }) => type === 'store.failed')).toEqual([]);
    }
    expect([...seen].sort()).toEqual(['RUNTIME_CLOSED', 'kept']);
  });

  it('raises no alarm of the store for what comes after the close', async () => {
    const process = await startProcess({ store: new ClosingStore() });
    const job = await process.submit('feed');
    process.threads.last.finish(reportOf('completed'));
    await job.outcome;
    await process.service.close();
    await expect(process.service.remove('feed')).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' });
    expect(process.events.filter(({ type }) => type === 'store.failed')).toEqual([]);
  });
});
