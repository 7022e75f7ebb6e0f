/** What is subscribed to on each connection, in messages of several channels. */
export interface Subscriptions {
  /** Symbols, or names of channels: whatever the supplier calls them. */
  readonly channels: readonly string[];
  /** Most channels in one message. Default: 100. */
  readonly channelsPerMessage?: number | undefined;
  /** Makes the message for some of the channels. `id` counts from 1 on each connection. */
  message(channels: readonly string[], id: number): string | Uint8Array;
  /** Permits that a message costs at the gate. Default: none, it does not pass the gate. */
  readonly cost?: number | undefined;
  /** Least ms between two messages. Default: 0. */
  readonly everyMs?: number | undefined;
  /**
   * Ms within which each message must be confirmed (`Connection.acknowledge`), or the connection is given up.
   * Default: no confirmation is waited for.
   */
  readonly acknowledgeMsMax?: number | undefined;
}
