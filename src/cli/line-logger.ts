import { createRequire } from 'node:module';
import type { Logger } from '../telemetry/logger.js';

type Level = 'debug' | 'info' | 'warn' | 'error';

const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error', 'silent'];

/**
 * Pino with lines of a level and above, loaded with the first of them: most runs log nothing, and Pino has
 * 67 files.
 *
 * @param level - `debug`, `info`, `warn`, `error` or `silent`.
 * @param write - Takes a line, with its end.
 */
export function lineLogger(level: string, write: (line: string) => void): Logger {
  const loaded = loadedOnce(() => {
    const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino');
    return pino({ level, base: null }, { write });
  });
  return laterLogger(LEVELS.indexOf(level), loaded);
}

/** A logger that makes the real one with the first line that is of the level or above. */
function laterLogger(levelMin: number, made: () => Logger): Logger {
  const at =
    (level: Level) =>
    (fields: object, text: string): void => {
      if (LEVELS.indexOf(level) >= levelMin) made()[level](fields, text);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (bindings) =>
      laterLogger(
        levelMin,
        loadedOnce(() => made().child(bindings)),
      ),
  };
}

function loadedOnce(load: () => Logger): () => Logger {
  let logger: Logger | undefined;
  return () => {
    logger ??= load();
    return logger;
  };
}
