import type { Terminal } from '../../src/cli/terminal.js';

/** Calls a command of the command line. @returns What it answered and wrote. */
export async function called(command: (terminal: Terminal) => Promise<number>) {
  let out = '';
  let err = '';
  const terminal: Terminal = {
    print: async (text) => {
      out += text;
    },
    say: (text) => {
      err += text;
    },
    divert: () => () => {},
    isLive: false,
    tableColumns: Number.POSITIVE_INFINITY,
    columns: 80,
    rows: 24,
  };
  return { code: await command(terminal), out, err };
}
