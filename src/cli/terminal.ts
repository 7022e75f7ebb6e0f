import { Console } from 'node:console';
import { StringDecoder } from 'node:string_decoder';

/** Where a command writes. Results go to standard output, everything else to standard error. */
export interface Terminal {
  /**
   * Resolves once the system has accepted the text, or its reader is gone.
   *
   * @throws {TerminalError} when the text cannot be written, for example because the disk is full.
   */
  print(text: string): Promise<void>;
  /** Writes to standard error. A failure is ignored, since there is nowhere else to report it. */
  say(text: string): void;
  /**
   * Diverts what others write to the terminal (user modules in their threads, Node's warnings) and hands
   * it over in whole lines, so that it can be placed beside what is drawn.
   *
   * @returns A function that ends the diversion.
   */
  divert(take: (lines: string) => void): () => void;
  /** Columns that a table on standard output may have; infinite if that is no terminal. */
  readonly tableColumns: number;
  /** Whether standard error is a terminal that can be drawn on. */
  readonly isLive: boolean;
  /** Size of standard error's terminal. */
  readonly columns: number;
  readonly rows: number;
}

export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/** The terminal of the process. A reader that goes away (`| head`) ends nothing and is not an error. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  const say = stderr.write.bind(stderr);
  for (const stream of [stdout, stderr]) stream.on('error', () => {}); // `print` reports them
  // To check a spec, the user's modules are loaded here as well.
  globalThis.console = new Console({ stdout: stderr, stderr });
  return {
    print: (text) =>
      new Promise((resolve, reject) => {
        write(text, (error) => {
          const { code, message } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
          // EIO: the terminal has gone away.
          if (!error || code === 'EPIPE' || (code === 'EIO' && stdout.isTTY)) resolve();
          else reject(new TerminalError(`standard output cannot be written: ${message}`));
        });
      }),
    say: (text) => {
      say(text);
    },
    divert: (take) => {
      // Output to a file or a pipe does not disturb what is drawn.
      const ends = [stderr, stdout].filter(({ isTTY }) => isTTY).map((stream) => divertLines(stream, take));
      return () => {
        for (const end of ends) end();
      };
    },
    // A terminal that does not know its size reports 0.
    get tableColumns() {
      return stdout.isTTY ? stdout.columns || 80 : Number.POSITIVE_INFINITY;
    },
    isLive: stderr.isTTY === true && process.env.TERM !== 'dumb',
    get columns() {
      return stderr.columns || 80;
    },
    get rows() {
      return stderr.rows || 24;
    },
  };
}

/**
 * Redirects everything that others write to standard output (user modules in their threads, the console
 * sink) to standard error, so that standard output holds only the report.
 */
export function keepStdoutClean(): void {
  process.stdout.write = writeTo((chunk, done) => {
    process.stderr.write(chunk, () => done());
  });
}

/**
 * Diverts what is written to a stream.
 *
 * @returns A function that restores the stream's own `write`, and hands over an unfinished last line.
 */
export function divertLines(
  stream: Pick<NodeJS.WriteStream, 'write'>,
  take: (lines: string) => void,
): () => void {
  const own = stream.write;
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const diverted = writeTo((chunk, done) => {
    const text = rest + (typeof chunk === 'string' ? chunk : decoder.write(chunk));
    const end = text.lastIndexOf('\n') + 1;
    rest = text.slice(end);
    if (end > 0) take(text.slice(0, end));
    done();
  });
  stream.write = diverted;
  return () => {
    stream.write = own;
    if (rest !== '') take(`${rest}\n`);
  };
}

/** A stream's `write` with all its overloads, forwarded to one function. */
function writeTo(take: (chunk: string | Buffer, done: () => void) => void): NodeJS.WriteStream['write'] {
  return (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    const callback = (typeof encoding === 'function' ? encoding : done) as (() => void) | undefined;
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk);
    const isCoded = typeof text === 'string' && typeof encoding === 'string';
    take(isCoded ? Buffer.from(text, encoding as BufferEncoding) : text, () => callback?.());
    // Never `false`: the stream would not emit `drain`, since the chunk went elsewhere.
    return true;
  };
}

/** Replaces control characters, so that a terminal obeys nothing in data or names. */
export function plainText(text: string, lengthMax = 2_000): string {
  const plain = text.replace(/[^\P{Cc}\n]/gu, '�');
  return plain.length > lengthMax ? `${plain.slice(0, lengthMax - 1)}…` : plain;
}
