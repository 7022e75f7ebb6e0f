const RUN_FEWER = 'or run fewer pipelines at one time ("maxThreads")';

/** What to do where no file can be opened any more, by the code of the operating system. */
const FILES: Readonly<Record<string, string>> = {
  EMFILE: `too many files are open in this process; raise the limit (ulimit -n), ${RUN_FEWER}`,
  ENFILE: `too many files are open on this machine; raise its limit (sysctl fs.file-max), ${RUN_FEWER}`,
};

/** The same where no thread can be started. */
const THREADS: Readonly<Record<string, string>> = {
  ...FILES,
  EAGAIN: `the system allows no more threads; raise the limit (ulimit -u, or pids of the container), ${RUN_FEWER}`,
  ENOMEM: 'the system has no memory left; run fewer pipelines at one time ("maxThreads")',
};

/** What to do about an error, if it is that no file can be opened any more. */
export const outOfFiles = (error: unknown): string | undefined => FILES[codeOf(error) ?? ''];

/** What to do about the error of a thread that did not start, if it is that the system allows none. */
export const outOfThreads = (error: unknown): string | undefined => THREADS[codeOf(error) ?? ''];

/** Where an error has come from another thread, its message alone has the code. */
function codeOf(error: unknown): string | undefined {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string' && Object.hasOwn(THREADS, code)) return code;
  return typeof message === 'string' ? /(?:^|: )(E[A-Z]+)\b/.exec(message)?.[1] : undefined;
}
