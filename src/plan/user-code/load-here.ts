import { declareHere } from './declare-here.js';
import { findModule } from './find-module.js';
import { planHere } from './plan-here.js';
import type { UserCode } from './user-code.js';

/**
 * Loads modules into the calling thread, from anywhere: for a pipeline that runs in this thread,
 * where it would load them anyhow.
 */
export const loadHere: UserCode = { find: findModule, declare: declareHere, plan: planHere };
