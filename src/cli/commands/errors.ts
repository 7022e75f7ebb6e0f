import { ERROR_GROUPS } from '../../core/error-codes/error-codes.js';
import { nearestName } from '../../core/nearest-name.js';
import { errorsPage } from '../errors-page.js';
import { plainText, type Terminal } from '../terminal.js';

export interface ErrorsOptions {
  readonly json?: boolean;
  /** Prints everything in the form of `docs/errors.md`. */
  readonly markdown?: boolean;
}

const ENTRIES = ERROR_GROUPS.flatMap(({ title, codes }) =>
  Object.entries(codes).map(([code, text]) => ({ code, group: title, ...text })),
);
type Entry = (typeof ENTRIES)[number];

const CODE_LENGTH_MAX = Math.max(...ENTRIES.map(({ code }) => code.length));

/**
 * Lists the error codes, or describes one of them.
 *
 * @returns The exit code.
 */
export async function errors(
  wanted: string | undefined,
  { json, markdown }: ErrorsOptions,
  terminal: Terminal,
): Promise<number> {
  if (markdown) {
    await terminal.print(errorsPage());
    return 0;
  }
  const code = wanted?.toUpperCase();
  const found = code === undefined ? ENTRIES : ENTRIES.filter((entry) => entry.code === code);
  if (found.length === 0) {
    const near = nearestName(
      wanted ?? '',
      ENTRIES.map((entry) => entry.code),
    );
    const hint = near === undefined ? '"tickloom errors" lists them' : `did you mean "${near}"?`;
    terminal.say(`error: expected the code of an error, found "${plainText(wanted ?? '', 80)}"; ${hint}\n`);
    return 2;
  }
  if (json) await terminal.print(`${JSON.stringify({ errors: found }, null, 2)}\n`);
  else await terminal.print(code === undefined ? list() : found.map(describe).join('\n'));
  return 0;
}

function list(): string {
  return ERROR_GROUPS.map(({ title, codes }) => {
    const lines = Object.entries(codes).map(
      ([code, { meaning }]) => `  ${code.padEnd(CODE_LENGTH_MAX)}  ${meaning}\n`,
    );
    return `${title}\n${lines.join('')}`;
  }).join('\n');
}

const describe = ({ code, meaning, cause, remedy, retryable }: Entry): string =>
  `${code}: ${meaning}\n  cause: ${cause}\n  remedy: ${remedy}\n  retryable: ${retryable}\n`;
