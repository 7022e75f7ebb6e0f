/**
 * The part of a Pino logger that stages and the supervisor use: constant text, fields beside it.
 * Any Pino logger fits. Nothing here writes to the console; without a logger nothing is written.
 */
export interface Logger {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
  child(bindings: Record<string, unknown>): Logger;
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
