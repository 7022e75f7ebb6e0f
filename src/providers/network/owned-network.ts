import type { Network } from '../contract/network.js';

/** A network that is freed at the end. */
export interface OwnedNetwork extends Network {
  /** Cuts whatever is open. */
  close(): Promise<void> | void;
}
