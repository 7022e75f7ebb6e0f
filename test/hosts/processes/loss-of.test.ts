import { describe, expect, it } from 'vitest';
import { lossOf, type ProcessEnd, startLossOf } from '../../../src/hosts/processes/loss-of.js';

const MB = 1024 * 1024;
const boom = { code: 'INTERNAL', message: 'boom', retryable: false };
const end = (how: Partial<ProcessEnd>) =>
  lossOf({
    code: null,
    signal: null,
    wasEnded: false,
    cameUp: true,
    lastLines: [],
    limits: { maxHeapMb: 1_024 },
    ...how,
  });

describe('the reason of the end of a process', () => {
  it.each([
    [{ signal: 'SIGSEGV' }, 'PROCESS_CRASHED', 'The process was ended by SIGSEGV'],
    [{ signal: 'SIGKILL' }, 'PROCESS_CRASHED', 'not sent from here'],
    [{ signal: 'SIGKILL', wasEnded: true }, 'THREAD_STOPPED', 'The process was ended'],
    [{ code: 3 }, 'PROCESS_EXITED', 'exited with code 3'],
    [{ code: 1, cameUp: false }, 'PROCESS_NOT_STARTED', 'did not start: it exited with code 1'],
    [{ code: 1, fault: { error: boom, isCaught: false } }, 'PROCESS_CRASHED', 'The process crashed: boom'],
    [{ code: 7, fault: { error: boom, isCaught: true } }, 'PROCESS_CRASHED', 'The process crashed: boom'],
    // A handler has taken the error, and the process went on.
    [{ code: 3, fault: { error: boom, isCaught: true } }, 'PROCESS_EXITED', 'exited with code 3'],
    [{ signal: 'SIGSEGV', fault: { error: boom, isCaught: true } }, 'PROCESS_CRASHED', 'ended by SIGSEGV'],
    [
      { signal: 'SIGABRT', lastLines: ['FATAL ERROR: Reached heap limit Allocation failed'] },
      'PROCESS_OUT_OF_MEMORY',
      'more than the 1024 MB of heap that it may have ("maxHeapMb")',
    ],
    [
      {
        signal: 'SIGABRT',
        lastLines: ['terminate called … std::bad_alloc'],
        limits: { maxHeapMb: 64, maxProcessMb: 128 },
      },
      'PROCESS_OUT_OF_MEMORY',
      'no more memory, of which it may have 128 MB ("maxProcessMb")',
    ],
    [
      {
        signal: 'SIGTRAP',
        lastLines: ['# Fatal process out of memory: Failed to reserve virtual memory for CodeRange'],
        limits: { maxHeapMb: 64, maxProcessMb: 128 },
      },
      'PROCESS_OUT_OF_MEMORY',
      'no more memory, of which it may have 128 MB ("maxProcessMb")',
    ],
    [
      { signal: 'SIGKILL', rssBytes: 201 * MB, limits: { maxHeapMb: 64, maxProcessMb: 200 } },
      'PROCESS_OUT_OF_MEMORY',
      'had 201 MB in memory, more than the 200 MB',
    ],
  ] as const)('is found (%#)', (how, code, message) => {
    const loss = end(how as Partial<ProcessEnd>);
    expect(loss.code).toBe(code);
    expect(loss.message).toContain(message);
    expect(loss.retryable).toBe(code !== 'THREAD_STOPPED');
  });

  it('names the limit that was the smaller one', () => {
    const lastLines = ['JavaScript heap out of memory'];
    expect(end({ lastLines, limits: { maxHeapMb: 1_024, maxProcessMb: 256 } }).message).toMatch(
      /256 MB of heap.*"maxProcessMb"/,
    );
  });

  it('has the last lines of the process without credentials', () => {
    const loss = end({ signal: 'SIGABRT', lastLines: ['one', 'token=abcdef123'] });
    expect(loss.message).toBe('The process was ended by SIGABRT; its last lines: one\ntoken=[redacted]');
  });

  it.each([
    ['EAGAIN', /allows no more threads/],
    ['EMFILE', /too many files are open/],
    ['ENOMEM', /no memory left/],
  ])('says what has run out where none could be started (%s)', (code, message) => {
    const loss = startLossOf(Object.assign(new Error(`spawn node ${code}`), { code }));
    expect(loss.code).toBe('PROCESS_NOT_STARTED');
    expect(loss.message).toMatch(message);
  });

  it('says what to do where there is no shell to set the limit of memory', () => {
    const error = Object.assign(new Error('spawn /bin/sh ENOENT'), { code: 'ENOENT', path: '/bin/sh' });
    expect(startLossOf(error).message).toMatch(
      /"maxProcessMb" needs a shell at \/bin\/sh.*leave "maxProcessMb" out/,
    );
  });
});
