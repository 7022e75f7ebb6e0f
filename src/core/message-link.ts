/**
 * A way between two processes: messages of plain data, which come in the order in which they were sent, and whole. None
 * is lost before the other end is.
 */
export interface MessageLink {
  /** Sends a message. Does nothing once the other end has gone. */
  post(message: unknown): void;
  /** @param take - Gets each message. There is one taker. */
  onMessage(take: (message: unknown) => void): void;
}
