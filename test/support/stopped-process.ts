import type { CheckpointStore } from '../../src/checkpoints/checkpoint-store.js';

/** A process that is stopped at its n-th step, and may go on much later. */
export function stoppedAfter(steps: number) {
  let left = steps;
  let wake = () => {};
  const gate = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let stop = () => {};
  const isStopped = new Promise<'stopped'>((resolve) => {
    stop = () => resolve('stopped');
  });
  const step = (): Promise<void> | void => {
    if (left-- > 0) return;
    stop();
    return gate;
  };
  return { step, isStopped, goOn: () => wake() };
}

/** The store as a process sees it that may be stopped before and after whatever it asks. */
export function watched(store: CheckpointStore, step: () => Promise<void> | void): CheckpointStore {
  const around = async <T>(act: () => Promise<T>): Promise<T> => {
    await step();
    const result = await act();
    await step();
    return result;
  };
  return {
    load: (key) => around(() => store.load(key)),
    claim: (key, owner) => around(() => store.claim(key, owner)),
    save: (key, fence, checkpoint) => around(() => store.save(key, fence, checkpoint)),
    list: () => store.list(),
    remove: (key) => store.remove(key),
  };
}
