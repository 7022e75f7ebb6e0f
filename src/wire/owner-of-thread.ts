import { hostname } from 'node:os';
import { threadId } from 'node:worker_threads';
import { randomId } from '../core/random-id.js';
import type { Owner } from './checkpoint.js';

/** Made once a thread: what a thread of the same number in another process has is another one. */
let owner: Owner | undefined;

/** Who runs what this thread runs. */
export function ownerOfThread(): Owner {
  owner ??= { host: hostname(), process: randomId(), thread: threadId };
  return owner;
}
