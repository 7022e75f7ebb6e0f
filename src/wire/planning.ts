/** The messages between the supervisor and the thread that loads user code to plan it. */
import type { MessagePort } from 'node:worker_threads';
import type { Schema } from '../columns/schema.js';
import type { WireError } from '../core/errors.js';
import type { DeclaredComponent } from './declared-component.js';
import type { StageFacts } from './stage-facts.js';
import type { StageFiles } from './stage-files.js';

/** The start data of the thread. */
export interface PlanningData {
  /** Receives `PlanningMessage`s. It is hidden from user code. */
  readonly port: MessagePort;
  /** A `PlanningRequest`. */
  readonly request: unknown;
}

export type PlanningMessage =
  /** The last message: a `ThreadAnswer` as JSON. */
  | { readonly answer: string }
  /** A few items of a list, as JSON. */
  | { readonly items: string }
  /** What the code printed. */
  | { readonly printed: string }
  /** The code will never load: it has not loaded, and nothing is left to do in the thread. */
  | { readonly neverLoads: true };

/** Code of users may reach the port and post anything. @returns `undefined` if it is not a message. */
export function readPlanningMessage(data: unknown): PlanningMessage | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { answer, items, printed, neverLoads } = data as Readonly<Record<string, unknown>>;
  if (typeof answer === 'string') return { answer };
  if (typeof items === 'string') return { items };
  if (typeof printed === 'string') return { printed };
  return neverLoads === true ? { neverLoads } : undefined;
}

export type ThreadAnswer =
  /** Of a module that was asked for its components. */
  | { readonly components: readonly DeclaredComponent[] }
  /** Of a stage. What a component from outside alone says is left out for others. */
  | {
      readonly options?: unknown;
      readonly loads?: string;
      readonly facts?: StageFacts;
      readonly files?: StageFiles;
      readonly output: Schema | null;
      readonly problems: readonly { readonly path: readonly (string | number)[]; readonly message: string }[];
    }
  /** Of a list, whose items were posted before. */
  | { readonly listed: true }
  | { readonly failed: WireError }
  | { readonly error: string };

/** Maximum length of an answer. A schema of ten thousand columns fits. */
export const ANSWER_CHARS_MAX = 1_048_576;
/** Of a module. */
export const COMPONENTS_MAX = 100;
/** Levels that options and schemas may have: what walks them does not run out of stack. */
export const DEPTH_MAX = 64;

/** Maximum characters that code may print while it is planned. The rest is dropped. */
export const PRINTED_CHARS_MAX = 65_536;
/** Maximum number of prints, since each one is a message. */
export const PRINTED_TIMES_MAX = 1_000;
