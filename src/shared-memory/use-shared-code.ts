/** Imported first in a thread of pipelines, for its effect: what is loaded after it is compiled with shared code. */
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { workerData } from 'node:worker_threads';
import { shareCode } from './shared-code.js';

// From `dist/src/shared-memory`, or a folder as deep.
shareCode(workerData, join(fileURLToPath(new URL('../..', import.meta.url)), sep));
