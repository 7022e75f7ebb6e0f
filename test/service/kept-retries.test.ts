import { describe, expect, it } from 'vitest';
import { PipelineError } from '../../src/core/errors.js';
import { MemoryJobStore } from '../../src/store/memory-job-store.js';
import { until } from '../supervision/fake-threads.js';
import { reportOf } from '../supervision/job-fixtures.js';
import { startProcess } from './kept-jobs-rig.js';

/** A store on a disk that may be full. */
class FullStore extends MemoryJobStore {
  isFull = false;
  tries = 0;

  override async putJob(record: Parameters<MemoryJobStore['putJob']>[0]): Promise<void> {
    this.tries++;
    if (this.isFull) throw new PipelineError('STORE_FAILED', 'the disk is full', { retryable: true });
    await super.putJob(record);
  }
}

describe('a service whose store has no room for a while', () => {
  it('refuses a submit alone, and takes the next one', async () => {
    const store = new FullStore();
    const process = await startProcess({ store });
    store.isFull = true;
    await expect(process.submit('a')).rejects.toMatchObject({ code: 'STORE_FAILED', retryable: true });
    store.isFull = false;
    await process.submit('b');
    const told = process.events.map(({ type }) => type).filter((type) => type.startsWith('store.'));
    expect(told).toEqual(['store.failed', 'store.recovered']);
  });

  it('answers a stop once it is durable, and the job does not run again', async () => {
    const store = new FullStore();
    const process = await startProcess({ store });
    const job = await process.submit('feed');
    await process.run('feed');
    await process.settle();
    store.isFull = true;
    let isAnswered = false;
    const stopped = job.stop().then(() => {
      isAnswered = true;
    });
    process.threads.last.finish(reportOf('stopped'));
    await job.outcome;
    for (let i = 0; i < 3; i++) {
      const { tries } = store;
      process.clock.advance(60_000);
      await until(() => store.tries > tries);
    }
    expect(isAnswered).toBe(false);
    store.isFull = false;
    await process.settle();
    process.clock.advance(60_000);
    await stopped;
    await until(() => process.events.some(({ type }) => type === 'store.recovered'));
    expect(process.events.filter(({ type }) => type === 'store.failed')).toHaveLength(1);
    expect(await process.record('feed')).toMatchObject({ wish: 'stop', state: 'stopped' });
  });

  it('rejects a wish that a close comes before, and says that it was not kept', async () => {
    const store = new FullStore();
    const process = await startProcess({ store });
    const job = await process.submit('feed');
    await process.run('feed');
    await process.settle();
    store.isFull = true;
    const stopped = job.stop().catch(({ code }) => code);
    process.threads.last.finish(reportOf('stopped'));
    await job.outcome;
    await process.service.close();
    expect(await stopped).toBe('STORE_FAILED');
    expect(process.events.filter(({ type }) => type === 'store.failed').at(-1)).toMatchObject({
      error: { retryable: false },
    });
  });
});
