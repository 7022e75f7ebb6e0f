/**
 * The part of a Pino logger that stages and the supervisor use: a constant text, with fields beside it.
 * Any Pino logger fits. Nothing here writes to the console; without a logger nothing is written.
 */
export interface Logger {
  /** Details, for somebody who looks for a fault. */
  debug(fields: object, text: string): void;
  /** What happened as it should. */
  info(fields: object, text: string): void;
  /** What somebody should look at, though the work goes on. */
  warn(fields: object, text: string): void;
  /** What failed. */
  error(fields: object, text: string): void;
  /** A logger that adds these fields to each line. */
  child(bindings: Record<string, unknown>): Logger;
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
