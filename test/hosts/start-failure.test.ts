import { describe, expect, it } from 'vitest';
import { toWireError } from '../../src/core/errors.js';
import { startFailure } from '../../src/hosts/start-failure.js';

const initFailed = (code: string) =>
  Object.assign(new Error(`Worker initialization failure: ${code}`), { code: 'ERR_WORKER_INIT_FAILED' });

describe('a thread that did not start', () => {
  it.each([
    ['EMFILE', /too many files are open in this process; raise the limit \(ulimit -n\)/],
    ['ENFILE', /too many files are open on this machine/],
    ['EAGAIN', /the system allows no more threads; raise the limit \(ulimit -u/],
    ['ENOMEM', /no memory left; run fewer pipelines/],
    ['EWHATEVER', /^Worker initialization failure: EWHATEVER$/],
  ])('says what the system lacks, and what to do (%s)', (code, told) => {
    expect(startFailure(initFailed(code))).toMatch(told);
  });

  it('does not say that its entry exports nothing', () => {
    const error = new Error('No handler function exported from /x/pipeline.worker.cjs');
    expect(startFailure(error)).toMatch(/its code could not be loaded/);
  });

  it('is not taken for one that has crashed', () => {
    expect(startFailure(new Error('EAGAIN: resource temporarily unavailable, read'))).toBeUndefined();
  });
});

describe('an error of code that cannot be loaded', () => {
  it('says that no file can be opened any more, and that this may pass', () => {
    const lost = new Error("EMFILE: too many open files, open '/x/csv.cjs'"); // of another thread
    expect(toWireError(lost)).toMatchObject({
      code: 'INTERNAL',
      message: expect.stringMatching(/csv\.cjs': too many files are open in this process; raise the limit/),
      retryable: true,
    });
    expect(toWireError(new Error('other'))).toMatchObject({ message: 'other', retryable: false });
  });
});
