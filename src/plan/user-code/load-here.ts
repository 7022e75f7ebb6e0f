import { declareHere } from './declare-here.js';
import { findModule } from './find-module.js';
import { planHere } from './plan-here.js';
import type { UserCode } from './user-code.js';

/**
 * Loads modules into the calling thread, from any folder. It is for a pipeline that runs in this thread and
 * would load them here anyway.
 */
export const loadHere: UserCode = { find: findModule, declare: declareHere, plan: planHere };
