import { FileJobStore } from '../../src/store/file-job-store.js';
import { MemoryJobStore } from '../../src/store/memory-job-store.js';
import { jobStoreLaws } from './job-store-laws.js';
import { newFolder } from './store-rig.js';

jobStoreLaws('in memory', () => new MemoryJobStore());
jobStoreLaws('in a folder', () => new FileJobStore(newFolder()));
