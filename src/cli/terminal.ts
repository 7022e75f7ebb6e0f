/** Where a command writes. Results go to standard output, everything else to standard error. */
export interface Terminal {
  /** Resolves once the text is with the system, or its reader has left. */
  print(text: string): Promise<void>;
  say(text: string): void;
  /** Whether standard error is a terminal that can be drawn on. */
  readonly isLive: boolean;
  /** Of standard error. */
  readonly columns: number;
  readonly rows: number;
}

/** The terminal of the process. A reader that leaves (`| head`) ends nothing and is no error. */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  return {
    print: (text) => new Promise((resolve) => write(text, () => resolve())),
    say: (text) => {
      stderr.write(text);
    },
    isLive: stderr.isTTY === true && process.env.TERM !== 'dumb',
    get columns() {
      return stderr.columns ?? 80;
    },
    get rows() {
      return stderr.rows ?? 24;
    },
  };
}

/**
 * Sends to standard error what others write to standard output from here on, user modules in their
 * threads and the console sink included, so that the output holds the report and nothing else.
 */
export function keepStdoutClean(): void {
  const toStderr = (chunk: unknown, encoding?: unknown, done?: unknown): boolean => {
    const callback = typeof encoding === 'function' ? encoding : done;
    const call = callback as (() => void) | undefined;
    process.stderr.write(
      chunk as string,
      typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8',
      () => call?.(),
    );
    // The output would never tell that it has drained: what is written went elsewhere.
    return true;
  };
  process.stdout.write = toStderr as typeof process.stdout.write;
}

/** Data and names are printed as text: nothing in them that a terminal would obey. */
export function plainText(text: string, lengthMax = 2_000): string {
  const plain = text.replace(/[^\P{Cc}\n]/gu, '�');
  return plain.length > lengthMax ? `${plain.slice(0, lengthMax - 1)}…` : plain;
}
