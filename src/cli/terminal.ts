import { Console } from 'node:console';
import { StringDecoder } from 'node:string_decoder';

/** Where a command writes. Results go to standard output, everything else to standard error. */
export interface Terminal {
  /**
   * Resolves once the text is with the system, or its reader has left.
   *
   * @throws {TerminalError} when it cannot be written: a full disk.
   */
  print(text: string): Promise<void>;
  /** What cannot be said is lost: there is nowhere else to say it. */
  say(text: string): void;
  /**
   * Until it is called off, has what others write to the terminal (user modules in their threads,
   * Node's warnings) handed over in whole lines, so that it can be put beside what is drawn.
   *
   * @returns Calls it off.
   */
  divert(take: (lines: string) => void): () => void;
  /** Whether standard error is a terminal that can be drawn on. */
  readonly isLive: boolean;
  /** Of standard error. */
  readonly columns: number;
  readonly rows: number;
}

export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/** The terminal of the process. A reader that leaves (`| head`) ends nothing and is no error. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  const say = stderr.write.bind(stderr);
  for (const stream of [stdout, stderr]) stream.on('error', () => {}); // `print` tells
  // Modules of the user's are loaded here, too, when a spec is checked.
  globalThis.console = new Console({ stdout: stderr, stderr });
  return {
    print: (text) =>
      new Promise((resolve, reject) => {
        write(text, (error) => {
          const { code, message } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
          if (!error || code === 'EPIPE') resolve();
          else reject(new TerminalError(`standard output cannot be written: ${message}`));
        });
      }),
    say: (text) => {
      say(text);
    },
    divert: (take) => {
      // What goes to a file or a pipe does not disturb what is drawn.
      const ends = [stderr, stdout].filter(({ isTTY }) => isTTY).map((stream) => divertLines(stream, take));
      return () => {
        for (const end of ends) end();
      };
    },
    isLive: stderr.isTTY === true && process.env.TERM !== 'dumb',
    // A terminal that does not know its size says 0.
    get columns() {
      return stderr.columns || 80;
    },
    get rows() {
      return stderr.rows || 24;
    },
  };
}

/**
 * Sends to standard error what others write to standard output from here on, user modules in their
 * threads and the console sink included, so that the output holds the report and nothing else.
 */
export function keepStdoutClean(): void {
  process.stdout.write = writeTo((chunk, done) => {
    process.stderr.write(chunk, () => done());
  });
}

/** @returns Puts the stream's own `write` back, and hands over a line that was not ended. */
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

/** A stream's `write` with all its forms, for one function. */
function writeTo(take: (chunk: string | Buffer, done: () => void) => void): NodeJS.WriteStream['write'] {
  return (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    const callback = (typeof encoding === 'function' ? encoding : done) as (() => void) | undefined;
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk);
    const isCoded = typeof text === 'string' && typeof encoding === 'string';
    take(isCoded ? Buffer.from(text, encoding as BufferEncoding) : text, () => callback?.());
    // The stream would never tell that it has drained: what is written went elsewhere.
    return true;
  };
}

/** Data and names are printed as text: nothing in them that a terminal would obey. */
export function plainText(text: string, lengthMax = 2_000): string {
  const plain = text.replace(/[^\P{Cc}\n]/gu, '�');
  return plain.length > lengthMax ? `${plain.slice(0, lengthMax - 1)}…` : plain;
}
