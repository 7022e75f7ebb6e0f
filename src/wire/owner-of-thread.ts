import { hostname } from 'node:os';
import { threadId } from 'node:worker_threads';
import { randomId } from '../core/random-id.js';
import type { Owner } from './checkpoint.js';

/** Created once per thread. The random process id tells it apart from the same thread number in another process. */
let owner: Owner | undefined;

/** Returns the owner of everything that this thread runs. */
export function ownerOfThread(): Owner {
  owner ??= { host: hostname(), process: randomId(), thread: threadId };
  return owner;
}
