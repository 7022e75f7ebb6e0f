/** A fault of the venue at a frame of its tape. */
export type VenueFault = {
  /** Index of the frame in the tape. */
  readonly at: number;
} & (
  | {
      /** All connections break off before this frame. */
      readonly what: 'drop';
      /** Frames that go by before a connection is waited for again. */
      readonly missing?: number;
    }
  /** These frames are not sent, to nobody. */
  | { readonly what: 'lose'; readonly frames: number }
  /** The frame is sent twice. */
  | { readonly what: 'double' }
  /** Half of the frame is sent in its place. */
  | { readonly what: 'garble' }
  /** From here on it sends nothing and answers no ping, for so many frames: connections look alive. */
  | { readonly what: 'silence'; readonly frames: number }
);

/** What requests are answered with instead. */
export interface Refusal {
  readonly status: number;
  readonly code?: number;
  readonly msg?: string;
  readonly retryAfterS?: number;
  /** How many requests. Default: 1. */
  readonly times?: number;
  /** Only requests whose path ends so. */
  readonly path?: string;
}
